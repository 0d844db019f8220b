const cards = [...document.querySelectorAll("section.label")];
const by = document.getElementById("by");
const save = document.getElementById("save");
function lines() {
  return cards.flatMap((card) => {
    const chosen = card.querySelector("input[type=radio]:checked");
    if (!chosen) return [];
    const note = card.querySelector("input.note").value;
    const about = JSON.parse(card.dataset.about);
    return [JSON.stringify({ ...about, label: chosen.value, by: by.value, note, at: new Date().toISOString() })];
  });
}
function update() {
  const held = lines();
  document.getElementById("count").textContent = `${held.length} labelled`;
  save.href = "data:application/x-ndjson;charset=utf-8," + encodeURIComponent(held.join("\n") + "\n");
}
document.addEventListener("input", update);
update(); // a page that is loaded again may keep what was chosen
