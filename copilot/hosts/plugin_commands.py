"""`everpilot plugins`: what is installed, and what it may do. Nothing is before a person saw it and agreed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from copilot import settings as settings_module
from copilot._home import login as account
from copilot.cli import DONE, FAILED, NEEDS_APPROVAL
from copilot.errors import EverpilotError, PluginError
from copilot.hosts import render
from copilot.hosts.output import agreed, as_json, say
from copilot.plugins import lockfile
from copilot.plugins.contents import Files, files_of
from copilot.plugins.examine import Shown, read, show
from copilot.plugins.installed import Installed
from copilot.plugins.lockfile import Entry
from copilot.plugins.managing import FAULTS, Manager, Offer
from copilot.plugins.plugin import Reading
from copilot.plugins.skill import Problem
from copilot.trust.audit import Audit
from copilot.trust.sanitise import safe_text

_MOST_SHOWN = 40  # tools and programs that are listed one by one


def plugins(parsed: argparse.Namespace) -> int:
    """Install, update, list, check and make plugins."""
    return _ACTIONS[parsed.action or "list"](parsed)


def _folder(parsed: argparse.Namespace) -> Path:
    return Path(getattr(parsed, "dir", None) or ".").expanduser().resolve()


def _reading(parsed: argparse.Namespace) -> Reading:
    """Return how plugins are read for this command: with the person's settings, and no secrets."""
    chosen = settings_module.load(_folder(parsed))
    strict = bool(getattr(parsed, "strict", False))
    return Reading(
        settings_module.home(), strict=strict, settings=chosen.plugins, env=os.environ, labels=dict(chosen.trust.labels)
    )


def _manager(parsed: argparse.Namespace) -> Manager:
    def progress(message: str) -> None:
        if sys.stderr.isatty():
            say(f"{message} ...")

    return Manager(Installed(settings_module.home()), _reading(parsed), progress)


# --- install, update, sync --------------------------------------------------------------------------------------------


def _install(parsed: argparse.Namespace) -> int:
    manager = _manager(parsed)
    with manager.offer(parsed.source, name=parsed.name or "") as offer:
        if parsed.strict and (faults := _faults(offer.candidate.shown.problems)):
            told = "; ".join(f"{each.where}: {each.reason}" for each in faults[:10])
            raise PluginError(f"{offer.candidate.name} is not as its standard says: {told}", code="strict")
        status = _decide(manager, offer, parsed)
        if parsed.json:
            as_json({"status": status, **_offered(offer)})
        return _CODES.get(status, DONE)


_CODES = {"needs_approval": NEEDS_APPROVAL, "declined": FAILED, "failed": FAILED}


def _decide(manager: Manager, offer: Offer, parsed: argparse.Namespace, *, enabled: bool = True) -> str:
    """Show what is offered, ask, and keep it or not; return what became of it (printed, unless JSON is wanted)."""
    tell: Callable[[str], None] = (lambda words: None) if parsed.json else (lambda words: print(safe_text(words)))
    name = offer.candidate.name
    if offer.same and offer.installed is not None and not manager.installed.trouble(offer.installed):
        tell(f"{name} is installed already, exactly as this.")
        return "unchanged"
    if not parsed.json:
        _print_offer(offer)
    if not parsed.yes and (parsed.json or not (sys.stdin and sys.stdin.isatty())):
        tell("Nothing was installed. To trust it as it is, add --yes.")
        return "needs_approval"
    if not parsed.yes and not agreed(f"Trust {name} as it is now, and install it?"):
        tell("Nothing was installed.")
        return "declined"
    done = "updated" if offer.installed else "installed"
    _record("update" if offer.installed else "install", name, offer.content.digest)
    entry = manager.keep(offer, enabled=enabled)
    tell(" ".join(f"{entry.name} {entry.version or entry.resolved} is {done}.".split()))
    return done


def _offered(offer: Offer) -> dict[str, Any]:
    found = offer.candidate
    return {
        **found.shown.to_dict(),
        "name": found.name,
        "source": found.source.text,
        "resolved": found.fetched.resolved,
        "sha256": offer.content.digest,
        "difference": offer.difference.to_dict() if offer.difference else None,
    }


def _record(action: str, name: str, digest: str = "") -> None:
    log = Audit(settings_module.home(), actor=account())
    log.record({"event": "trust", "action": action, "kind": "plugin", "name": name, "digest": digest or "0" * 64})


def _update(parsed: argparse.Namespace) -> int:
    manager = _manager(parsed)
    if parsed.rollback:
        return _roll_back(manager, parsed)
    names = parsed.names or list(manager.installed.entries())
    rows = [_updated(manager, name, parsed) for name in names]
    if parsed.json:
        as_json(rows)
    elif not rows:
        print("No plugin is installed.")
    return _worst(str(row["status"]) for row in rows)


def _worst(statuses: Iterable[str]) -> int:
    """Return the exit code of several: failed before needs approval before done."""
    codes = {_CODES.get(status, DONE) for status in statuses}
    return FAILED if FAILED in codes else max(codes, default=DONE)


def _updated(manager: Manager, name: str, parsed: argparse.Namespace) -> dict[str, Any]:
    """Bring one plugin up to date and return what became of it; its failure stops no other."""
    try:
        with manager.newer(name) as offer:
            if not offer.same and not parsed.check:
                status = _decide(manager, offer, parsed)
            else:
                status = "unchanged" if offer.same else "available"
                _print_update(offer, parsed)
            return {"status": status, **_offered(offer)}
    except EverpilotError as error:
        return _failed(name, error, parsed)


def _failed(name: str, error: EverpilotError, parsed: argparse.Namespace) -> dict[str, Any]:
    if not parsed.json:
        say(f"{name}: {error}")
    return {"name": name, "status": "failed", "error": error.to_dict()}


def _print_update(offer: Offer, parsed: argparse.Namespace) -> None:
    name, version = offer.candidate.name, offer.candidate.fetched.resolved or "changed"
    if parsed.json:
        return
    if offer.same:
        print(safe_text(f"{name} is up to date."))
    else:
        print(safe_text(f"{name} can be updated ({version}):"))
        _print_difference(offer)


def _roll_back(manager: Manager, parsed: argparse.Namespace) -> int:
    if not parsed.names:
        raise PluginError("Say which: everpilot plugins update --rollback NAME", code="usage")
    for name in parsed.names:
        entry = manager.installed.rollback(name)
        _record("rollback", name, entry.sha256)
        if not parsed.json:
            print(safe_text(f"{name} is {entry.version or entry.resolved or 'as it was before'} again."))
    if parsed.json:
        as_json([{"name": name, "status": "rolled_back"} for name in parsed.names])
    return DONE


def _sync(parsed: argparse.Namespace) -> int:
    """Install exactly what a folder's plugins.lock names; with --write, write that file from what is installed."""
    manager = _manager(parsed)
    folder = _folder(parsed)
    path = folder / lockfile.FILE
    if parsed.write:
        lockfile.write(path, [_relative(e, folder) for e in manager.installed.entries().values()])
        print(f"{safe_text(str(path))} names what is installed now.")
        return DONE
    wanted = lockfile.read(path)
    if not wanted:
        why = f"{path} names no plugin." if path.exists() else f"There is no {lockfile.FILE} in {folder}."
        raise PluginError(why, hint="Write it with: everpilot plugins sync --write")
    rows = [_synced(manager, entry, folder, parsed) for entry in wanted.values()]
    if parsed.json:
        as_json(rows)
    return _worst(str(row["status"]) for row in rows)


def _relative(entry: Entry, folder: Path) -> Entry:
    """Return the entry as a folder's lock holds it: no version to go back to, places in the folder relative to it."""
    from dataclasses import replace

    place = Path(entry.source)
    inside = place.is_absolute() and place.is_relative_to(folder)
    source = f"./{place.relative_to(folder).as_posix()}" if inside else entry.source
    return replace(entry, source=source, previous_sha256="", previous_resolved="", previous_version="")


def _synced(manager: Manager, wanted: Entry, folder: Path, parsed: argparse.Namespace) -> dict[str, Any]:
    have = manager.installed.entries().get(wanted.name)
    if have and have.sha256 == wanted.sha256 and not manager.installed.trouble(have):
        if not parsed.json:
            print(f"{wanted.name} is as {lockfile.FILE} says.")
        return {"name": wanted.name, "status": "unchanged", "sha256": have.sha256}
    try:
        with manager.exactly(wanted, folder) as offer:
            status = _decide(manager, offer, parsed, enabled=wanted.enabled)
            return {"status": status, **_offered(offer)}
    except EverpilotError as error:
        return _failed(wanted.name, error, parsed)


# --- what is there ----------------------------------------------------------------------------------------------------


def _list(parsed: argparse.Namespace) -> int:
    installed = Installed(settings_module.home())
    rows = [{**entry.to_dict(), "state": _state(installed, entry)} for entry in installed.entries().values()]
    rows += [
        {"name": Path(path).name, "source": path, "state": "copilot.toml"} for path in _reading(parsed).settings.paths
    ]
    if parsed.json:
        as_json(rows)
        return DONE
    heads = ("Plugin", "Version", "Form", "State", "From")
    cells = [[row.get(key, "") for key in ("name", "version", "form", "state", "source")] for row in rows]
    render.console().print(render.table(heads, cells) if rows else "No plugin is installed.")
    return DONE


def _state(installed: Installed, entry: Entry) -> str:
    if not entry.enabled:
        return "disabled"
    return "broken" if installed.trouble(entry) else "enabled"


def _remove(parsed: argparse.Namespace) -> int:
    installed = Installed(settings_module.home())
    installed.find(parsed.name)
    _record("remove", parsed.name)
    installed.remove(parsed.name, purge=parsed.purge)
    kept = "" if parsed.purge else " What it kept stays; --purge removes that, too."
    return _told(parsed, parsed.name, "removed", f"{parsed.name} is removed.{kept}")


def _enable(parsed: argparse.Namespace) -> int:
    Installed(settings_module.home()).enable(parsed.name, True)
    return _told(parsed, parsed.name, "enabled", f"{parsed.name} is loaded from now on.")


def _disable(parsed: argparse.Namespace) -> int:
    Installed(settings_module.home()).enable(parsed.name, False)
    return _told(parsed, parsed.name, "disabled", f"{parsed.name} is not loaded any more; it stays installed.")


def _told(parsed: argparse.Namespace, name: str, status: str, words: str) -> int:
    if parsed.json:
        as_json({"name": name, "status": status})
    else:
        print(safe_text(words))
    return DONE


def _show(parsed: argparse.Namespace) -> int:
    manager = _manager(parsed)
    if parsed.name not in manager.installed.entries() and (place := _path_named(parsed.name, _reading(parsed))):
        return _show_path(place, parsed, _reading(parsed))
    entry = manager.installed.find(parsed.name)
    shown = manager.shown(entry)
    if parsed.json:
        as_json({**shown.to_dict(), **entry.to_dict(), "state": _state(manager.installed, entry)})
        return DONE
    print(f"{safe_text(entry.name)} from {safe_text(entry.source)} {safe_text(entry.resolved)}".rstrip())
    when, state = entry.time[:16].replace("T", " "), _state(manager.installed, entry)
    print(f"Installed {when} (UTC), {state}, sha256 {entry.sha256}")
    _print_shown(shown)
    for name in shown.files:
        print(f"  file {safe_text(name)}")
    return DONE


def _path_named(name: str, reading: Reading) -> Path | None:
    """Return the place in `[plugins] paths` that is called so, in the list of plugins or in itself; None for none."""
    places = [Path(path).expanduser() for path in reading.settings.paths]
    found = [place for place in places if name in (place.name, str(place))]
    return next((place for place in (*found, *places) if place in found or _own_name(place, reading) == name), None)


def _own_name(place: Path, reading: Reading) -> str:
    try:
        return read(place, reading).name
    except EverpilotError:
        return ""


def _show_path(place: Path, parsed: argparse.Namespace, reading: Reading) -> int:
    """Show a plugin that the settings name by its path: it is not installed, and is read anew at each start."""
    shown = _shown_at(place, reading)
    if parsed.json:
        as_json({**shown.to_dict(), "source": str(place), "state": "copilot.toml"})
        return DONE
    print(safe_text(f"{shown.name} from {place}, named in [plugins] paths of copilot.toml"))
    _print_shown(shown)
    for name in shown.files:
        print(f"  file {safe_text(name)}")
    return DONE


def _shown_at(place: Path, reading: Reading) -> Shown:
    plugin = read(place, reading)  # first: what is not there, or can't be read, is told by it
    single = place.is_file()
    return show(plugin, Files(place.parent, {place.name: place.stat().st_size}, {}) if single else files_of(place))


def _doctor(parsed: argparse.Namespace) -> int:
    """Say what is wrong with a plugin on disk, with an installed one, or with all that are installed."""
    manager = _manager(parsed)
    place = Path(parsed.name or "").expanduser()
    if parsed.name and parsed.name not in manager.installed.entries() and place.exists():
        found = _examined(place.resolve(), _reading(parsed))
    else:
        entries = [manager.installed.find(parsed.name)] if parsed.name else manager.installed.entries().values()
        found = [problem for entry in entries for problem in manager.problems(entry)]
        if not parsed.name:
            reading = _reading(parsed)
            found += [p for path in reading.settings.paths for p in _examined(Path(path).expanduser(), reading)]
    if parsed.json:
        as_json([{"where": p.where, "severity": p.severity, "reason": p.reason} for p in found])
    else:
        _print_problems(found)
        if not found:
            print("Nothing is wrong.")
    bad = _faults(found) if parsed.strict else [p for p in found if p.severity == "refused"]
    return FAILED if bad else DONE


def _examined(place: Path, reading: Reading) -> list[Problem]:
    """Return what is wrong with a plugin at a path; one that is refused as a whole is one problem."""
    try:
        return list(_shown_at(place, reading).problems)
    except EverpilotError as error:
        return [Problem(str(place), str(error))]


def _faults(problems: Iterable[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.severity in FAULTS]


# --- marketplaces, new ones, signing in -------------------------------------------------------------------------------


def _marketplace(parsed: argparse.Namespace) -> int:
    from copilot.plugins.sources.marketplaces import Marketplaces

    state = settings_module.home()
    known = Marketplaces(state)
    if parsed.what == "list":
        rows = list(known.all().items())
        if parsed.json:
            as_json([{"name": name, "source": source} for name, source in rows])
        else:
            table = render.table(("Marketplace", "From"), rows) if rows else "No marketplace was added."
            render.console().print(table)
        return DONE
    if not parsed.source:
        raise PluginError(f"Say which: everpilot plugins marketplace {parsed.what} ...", code="usage")
    if parsed.what == "remove":
        known.remove(parsed.source)
        return _told(parsed, parsed.source, "removed", f"{parsed.source} is forgotten; what came from it stays.")
    with Installed(state).coming() as place:
        name, offered = known.add(parsed.source, place, say, name=parsed.name or "")
    words = f"{name} is added: {len(offered)} plugins. To install one: everpilot plugins install PLUGIN@{name}"
    return _told(parsed, name, "added", words)


def _login(parsed: argparse.Namespace) -> int:
    from copilot.hosts.plugin_login import login

    return login(parsed)


def _new(parsed: argparse.Namespace) -> int:
    from copilot.plugins.scaffold import make

    made = make(parsed.name, parsed.kind, Path(parsed.into or ".").expanduser())
    if parsed.json:
        as_json({"name": parsed.name, "kind": parsed.kind, "folder": str(made.folder), "files": list(made.files)})
        return DONE
    print(f"{safe_text(str(made.folder))} is made:")
    for name in made.files:
        print(f"  {safe_text(name)}")
    print("\nNext:")
    for step in made.next:
        print(f"  {safe_text(step)}")
    return DONE


# --- what a person sees -----------------------------------------------------------------------------------------------


def _print_offer(offer: Offer) -> None:
    found = offer.candidate
    print(f"{safe_text(found.name)} from {safe_text(found.source.text)} {safe_text(found.fetched.resolved)}".rstrip())
    _print_shown(found.shown)
    if offer.difference is not None:
        print("Compared with what is installed:")
        _print_difference(offer)


def _print_difference(offer: Offer) -> None:
    if offer.difference is None:
        return
    for line in offer.difference.grown:
        print(f"  ! {safe_text(line)}")
    for line in offer.difference.changed:
        print(f"    {safe_text(line)}")


def _print_shown(shown: Shown) -> None:
    version = f" {shown.version}" if shown.version else ""
    told = f": {shown.description[:300]}" if shown.description else ""
    print(safe_text(f"  {shown.name}{version}, {shown.form}{told}"))
    said = (shown.description, "")  # a plugin that is one skill, or one API, is described by it
    skills = [name if text in said else f"{name}: {text[:200]}" for name, text in shown.skills.items()]
    _print_some("skill", skills)
    _print_some("command", [f"{name}: {text[:200]}" if text else name for name, text in shown.commands.items()])
    _print_some("agent", shown.agents)
    _print_some("tool", [f"{t.name} ({t.effect}): {t.description[:200]}" for t in shown.tools])
    # Whom it reaches is never cut: one of many would be the one that matters.
    _print_some("server", [f"{name}: {place}" for name, place in shown.servers.items()], most=None)
    _print_some("reaches", shown.hosts, most=None)
    _print_some("credential", [f"{name}: [plugins.auth.{name}] of your settings" for name in shown.credentials], None)
    _print_some("can run", shown.programs)
    total = sum(shown.files.values())
    print(f"  {len(shown.files):,} files, {total:,} bytes")
    _print_problems(shown.problems)


def _print_some(what: str, lines: Sequence[str], most: int | None = _MOST_SHOWN) -> None:
    for line in lines[:most]:
        print(f"  {what} {safe_text(line)}")
    if most is not None and len(lines) > most:
        print(f"  ... and {len(lines) - most:,} more")


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems:
        print(f"  {problem.severity}: {safe_text(problem.where)}: {safe_text(problem.reason)}")


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "install": _install,
    "update": _update,
    "remove": _remove,
    "list": _list,
    "enable": _enable,
    "disable": _disable,
    "show": _show,
    "doctor": _doctor,
    "sync": _sync,
    "marketplace": _marketplace,
    "login": _login,
    "new": _new,
}
