"use strict";
(() => {
  const bar = document.querySelector(".answer");
  if (!bar) return;
  const boxes = [...document.querySelectorAll("input[name=pick]")];
  const changes = boxes.filter((box) => box.dataset.kind === "change");
  const field = document.getElementById("command");
  const number = (count) => count.toLocaleString("en");

  const command = (ticked, left) => {
    const base = bar.dataset.command;
    const names = (some) => some.map((box) => box.value).join(" ");
    const alone = bar.dataset.pages === "1" && ticked.every((box) => box.dataset.kind === "change");
    if (!ticked.length) return "";
    if (alone && !left.length) return base;
    // The others are declined with --except, and keep waiting with --only: only the latter is what a tick says.
    return `${base} --only ${names(ticked)}`;
  };
  const tell = () => {
    const ticked = boxes.filter((box) => box.checked);
    document.getElementById("ticked").textContent = `${number(ticked.length)} of ${number(boxes.length)} ticked`;
    if (field) field.value = command(ticked, changes.filter((box) => !box.checked)) || "Tick at least one document.";
  };
  const tick = (some, on) => () => {
    for (const box of some) box.checked = on;
    tell();
  };

  document.documentElement.classList.add("scripts");
  document.getElementById("tick").addEventListener("click", tick(changes, true));
  document.getElementById("untick").addEventListener("click", tick(boxes, false));
  document.addEventListener("change", tell);
  document.getElementById("copy")?.addEventListener("click", async (event) => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      event.target.textContent = "Copied";
    } catch {
      event.target.textContent = "Press Ctrl+C";
    }
  });
  tell();
})();
