"""The order that the schema wants the children of property elements in (ECMA-376 part 1, annex A.1), as data.

Word calls a file damaged whose `w:pPr` holds its children in another order. `put` and `insert` keep it.
"""

from __future__ import annotations

from functools import lru_cache

from copilot.documents.word.names import Element, child, name, new

_BORDERS = "top left start bottom right end insideH insideV tl2br tr2bl"

#: Local names of the children in order, by the local name of their parent; those joined by | may stand mixed.
ORDER: dict[str, str] = {
    "pPr": """pStyle keepNext keepLines pageBreakBefore framePr widowControl numPr suppressLineNumbers pBdr shd tabs
        suppressAutoHyphens kinsoku wordWrap overflowPunct topLinePunct autoSpaceDE autoSpaceDN bidi adjustRightInd
        snapToGrid spacing ind contextualSpacing mirrorIndents suppressOverlap jc textDirection textAlignment
        textboxTightWrap outlineLvl divId cnfStyle rPr sectPr pPrChange""",
    "rPr": """ins del moveFrom moveTo rStyle rFonts b bCs i iCs caps smallCaps strike dstrike outline shadow emboss
        imprint noProof snapToGrid vanish webHidden color spacing w kern position sz szCs highlight u effect bdr shd
        fitText vertAlign rtl cs em lang eastAsianLayout specVanish oMath rPrChange""",
    "tblPr": """tblStyle tblpPr tblOverlap bidiVisual tblStyleRowBandSize tblStyleColBandSize tblW jc tblCellSpacing
        tblInd tblBorders shd tblLayout tblCellMar tblLook tblCaption tblDescription tblPrChange""",
    "tblPrEx": "tblW jc tblCellSpacing tblInd tblBorders shd tblLayout tblCellMar tblLook tblPrExChange",
    "trPr": """cnfStyle|divId|gridBefore|gridAfter|wBefore|wAfter|cantSplit|trHeight|tblHeader|tblCellSpacing|jc|hidden
        ins del trPrChange""",
    "tcPr": """cnfStyle tcW gridSpan hMerge vMerge tcBorders shd noWrap tcMar textDirection tcFitText vAlign hideMark
        headers cellIns cellDel cellMerge tcPrChange""",
    "sectPr": """headerReference|footerReference footnotePr endnotePr type pgSz pgMar paperSrc pgBorders lnNumType
        pgNumType cols formProt vAlign noEndnote titlePg textDirection bidi rtlGutter docGrid printerSettings
        sectPrChange""",
    "sdtPr": """rPr alias tag id lock placeholder temporary showingPlcHdr dataBinding label tabIndex
        equation|comboBox|date|docPartObj|docPartList|dropDownList|picture|richText|text|citation|group|bibliography""",
    "sdt": "sdtPr sdtEndPr sdtContent",
    "tbl": "tblPr tblGrid",
    "tr": "tblPrEx trPr",
    "tc": "tcPr",
    "p": "pPr",
    "r": "rPr",
    "numPr": "ilvl numId numberingChange ins",
    "numbering": "numPicBullet abstractNum num numIdMacAtCleanup",
    "abstractNum": "nsid multiLevelType tmpl name styleLink numStyleLink lvl",
    "num": "abstractNumId lvlOverride",
    "lvlOverride": "startOverride lvl",
    "lvl": "start numFmt lvlRestart pStyle isLgl suff lvlText lvlPicBulletId legacy lvlJc pPr rPr",
    "styles": "docDefaults latentStyles style",
    "style": """name aliases basedOn next link autoRedefine hidden uiPriority semiHidden unhideWhenUsed qFormat locked
        personal personalCompose personalReply rsid pPr rPr tblPr trPr tcPr tblStylePr""",
    "tblStylePr": "pPr rPr tblPr trPr tcPr",
    "pBdr": "top left bottom right between bar",
    "tblBorders": _BORDERS,
    "tcBorders": _BORDERS,
    "pgBorders": "top left bottom right",
    "tblCellMar": "top left start bottom right end",
    "tcMar": "top left start bottom right end",
    "footnotePr": "pos numFmt numStart numRestart footnote",
    "endnotePr": "pos numFmt numStart numRestart endnote",
    "settings": """writeProtection view zoom removePersonalInformation removeDateAndTime doNotDisplayPageBoundaries
        displayBackgroundShape printPostScriptOverText printFractionalCharacterWidth printFormsData embedTrueTypeFonts
        embedSystemFonts saveSubsetFonts saveFormsData mirrorMargins alignBordersAndEdges bordersDoNotSurroundHeader
        bordersDoNotSurroundFooter gutterAtTop hideSpellingErrors hideGrammaticalErrors activeWritingStyle proofState
        formsDesign attachedTemplate linkStyles stylePaneFormatFilter stylePaneSortMethod documentType mailMerge
        revisionView trackRevisions doNotTrackMoves doNotTrackFormatting documentProtection autoFormatOverride
        styleLockTheme styleLockQFSet defaultTabStop autoHyphenation consecutiveHyphenLimit hyphenationZone
        doNotHyphenateCaps showEnvelope summaryLength clickAndTypeStyle defaultTableStyle evenAndOddHeaders
        bookFoldRevPrinting bookFoldPrinting bookFoldPrintingSheets drawingGridHorizontalSpacing
        drawingGridVerticalSpacing displayHorizontalDrawingGridEvery displayVerticalDrawingGridEvery
        doNotUseMarginsForDrawingGridOrigin drawingGridHorizontalOrigin drawingGridVerticalOrigin doNotShadeFormData
        noPunctuationKerning characterSpacingControl printTwoOnOne strictFirstAndLastChars noLineBreaksAfter
        noLineBreaksBefore savePreviewPicture doNotValidateAgainstSchema saveInvalidXml ignoreMixedContent
        alwaysShowPlaceholderText doNotDemarcateInvalidXml saveXmlDataOnly useXSLTWhenSaving saveThroughXslt
        showXMLTags alwaysMergeEmptyNamespace updateFields hdrShapeDefaults footnotePr endnotePr compat docVars rsids
        mathPr attachedSchema themeFontLang clrSchemeMapping doNotIncludeSubdocsInStats doNotAutoCompressPictures
        forceUpgrade captions readModeInkLockDown smartTagType schemaLibrary shapeDefaults doNotEmbedSmartTags
        decimalSymbol listSeparator""",
}


@lru_cache(maxsize=len(ORDER))
def ranks(parent: str) -> dict[str, int]:
    """Return the place of each child by local name in the order of `parent`; empty where no order is known."""
    return {local: at for at, mixed in enumerate(ORDER.get(parent, "").split()) for local in mixed.split("|")}


def _rank(element: Element, order: dict[str, int]) -> int | None:
    prefix, _, local = name(element).partition(":")
    return order.get(local) if prefix == "w" or local == "mathPr" else None


def insert(parent: Element, element: Element) -> Element:
    """Insert a child at its place by the schema, behind those of its own kind, and return it.

    What the order doesn't name (other namespaces) stays where it is; a parent without an order takes the child last.
    """
    order = ranks(name(parent).partition(":")[2])
    rank = _rank(element, order)
    if rank is None:
        parent.append(element)
        return element
    at = 0
    for index, each in enumerate(parent, 1):
        own = _rank(each, order)
        if own is not None and own <= rank:
            at = index
    parent.insert(at, element)
    return element


def put(parent: Element, element: Element) -> Element:
    """Put a child in the place of the one of its name, else at its place by the schema, and return it."""
    same = child(parent, name(element))
    if same is None:
        return insert(parent, element)
    element.tail = same.tail
    parent.replace(same, element)
    return element


def set_child(parent: Element, local: str, **attributes: str) -> Element:
    """Put `<w:local>` with these `w:` attributes into its place, instead of the one that is there; return it."""
    return put(parent, new(parent, local, **attributes))


def ensure(parent: Element, local: str) -> Element:
    """Return the child `w:local`, made at its place when it is missing."""
    found = child(parent, f"w:{local}")
    return insert(parent, new(parent, local)) if found is None else found
