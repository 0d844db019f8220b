const which = document.getElementById("which");
const find = document.getElementById("find");
const cases = [...document.querySelectorAll("details.case")];
const texts = cases.map((one) => one.textContent.toLowerCase());
function choose() {
  const word = find.value.toLowerCase();
  cases.forEach((one, n) => {
    const bad = which.value === "bad" && one.classList.contains("right");
    one.classList.toggle("hidden", bad || !texts[n].includes(word));
  });
}
which.addEventListener("change", choose);
find.addEventListener("input", choose);
