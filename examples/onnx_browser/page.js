// The page: takes pictures or texts, and shows what the student says of each.

const SHOWN = 5;
const NAMED = { softmax: "classes", sigmoid: "labels", none: "targets" };
const asked = new URLSearchParams(location.search);
const folder = (asked.get("model") ?? "model").replace(/\/*$/, "/");
const [status, main, ask, drop, files, results] = [
  "#status",
  "main",
  "#ask",
  "#drop",
  "#files",
  "#results",
].map((selector) => document.querySelector(selector));
let queue = Promise.resolve();

try {
  status.textContent = "Loading the student …";
  const { Student } = await import("./student.js").catch((error) => {
    throw new Error(`A library did not load; run 'npm install' in this folder. (${error.message})`);
  });
  const student = await Student.load(folder, asked.get("file") ?? undefined);
  const rows = student.readsTexts ? "texts" : "pictures";
  (student.readsTexts ? takeTexts : takePictures)(student);
  const { activation, names } = student.about;
  status.textContent = `${names.length} ${NAMED[activation]}; ${rows} stay on this device.`;
  main.hidden = false;
} catch (error) {
  status.textContent = error.message;
  status.className = "error";
}

/** Classify pictures that are chosen, dropped or pasted, one after another. */
function takePictures(student) {
  drop.hidden = false;
  const take = (given) => {
    const others = results.firstChild;
    for (const file of given) add(student, file, newCard(file.name, picture(file)), others);
  };
  files.addEventListener("change", () => {
    take(files.files);
    files.value = "";
  });
  addEventListener("paste", (event) => take(event.clipboardData.files));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  addEventListener("dragleave", () => drop.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
}

/** Classify texts that are written. */
function takeTexts(student) {
  ask.hidden = false;
  ask.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = ask.elements.text.value;
    if (!text.trim()) return;
    add(student, text, newCard(text, element("blockquote", text)), results.firstChild);
    ask.reset();
  });
  ask.elements.text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    ask.requestSubmit();
  });
}

function add(student, row, card, others) {
  results.insertBefore(card, others);
  queue = queue.then(() => classify(student, row, card));
}

async function classify(student, row, card) {
  const begin = performance.now();
  try {
    show(card, await student.classify(row), student.about.activation);
    const time = `${Math.round(performance.now() - begin)} ms`;
    card.append(element("small", student.readsTexts ? time : `${row.name}, ${time}`));
  } catch (error) {
    card.append(element("p", error.message, "error"), element("small", row.name));
  }
  card.removeAttribute("aria-busy");
}

function newCard(name, content) {
  const card = element("article");
  card.dataset.row = name;
  card.setAttribute("aria-busy", "true");
  card.append(content);
  return card;
}

function picture(file) {
  const shown = new Image();
  shown.alt = file.name;
  shown.src = URL.createObjectURL(file);
  shown.onload = () => URL.revokeObjectURL(shown.src);
  shown.onerror = () => shown.remove();
  return shown;
}

/** The answer, then the largest scores with bars; targets of a regression without. */
function show(card, { prediction, scores }, activation) {
  const list = element("ol");
  if (activation === "none") {
    for (const [name, value] of Object.entries(scores)) {
      list.append(line(name, value, value.toPrecision(4)));
    }
  } else {
    const said = [prediction].flat().join(", ") || "none of the labels";
    card.append(element("h2", said));
    const ranked = Object.entries(scores).sort(([, left], [, right]) => right - left);
    for (const [name, value] of ranked.slice(0, SHOWN)) {
      const item = line(name, value, `${(100 * value).toFixed(1)} %`);
      item.style.setProperty("--share", value);
      list.append(item);
    }
  }
  card.append(list);
}

function line(name, value, text) {
  const item = element("li");
  const number = element("data", text);
  number.value = value;
  item.append(element("span", name), number);
  return item;
}

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}
