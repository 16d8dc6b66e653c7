// The page: takes pictures that are chosen, dropped or pasted, and shows what the student says.

const SHOWN = 5;
const NAMED = { softmax: "classes", sigmoid: "labels", none: "targets" };
const folder = new URLSearchParams(location.search).get("model") ?? "model/";
const [status, main, drop, files, results] = ["#status", "main", "#drop", "#files", "#results"].map(
  (selector) => document.querySelector(selector),
);
let queue = Promise.resolve();

try {
  status.textContent = "Loading the student …";
  const { Student } = await import("./student.js").catch((error) => {
    throw new Error(`onnxruntime-web did not load; run 'npm install' in this folder. (${error.message})`);
  });
  const student = await Student.load(folder.replace(/\/*$/, "/"));
  listen(student);
  const { activation, names } = student.about;
  status.textContent = `${names.length} ${NAMED[activation]}; pictures stay on this device.`;
  main.hidden = false;
} catch (error) {
  status.textContent = error.message;
  status.className = "error";
}

/** Classify whatever is given, one picture after another. */
function listen(student) {
  const take = (given) => {
    const others = results.firstChild;
    for (const file of given) {
      const card = newCard(file);
      results.insertBefore(card, others);
      queue = queue.then(() => classify(student, file, card));
    }
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

async function classify(student, file, card) {
  const begin = performance.now();
  try {
    const found = await student.classify(file);
    show(card, found, student.about.activation);
    card.append(element("small", `${file.name}, ${Math.round(performance.now() - begin)} ms`));
  } catch (error) {
    card.append(element("p", error.message, "error"), element("small", file.name));
  }
  card.removeAttribute("aria-busy");
}

/** A card with the picture. */
function newCard(file) {
  const card = element("article");
  card.dataset.row = file.name;
  card.setAttribute("aria-busy", "true");
  const picture = new Image();
  picture.alt = file.name;
  picture.src = URL.createObjectURL(file);
  picture.onload = () => URL.revokeObjectURL(picture.src);
  picture.onerror = () => picture.remove();
  card.append(picture);
  return card;
}

/** The answer, then the largest scores with bars; targets of a regression without. */
function show(card, { prediction, scores }, activation) {
  const list = element("ol");
  if (activation === "none") {
    for (const [name, value] of Object.entries(scores)) {
      list.append(row(name, value, value.toPrecision(4)));
    }
  } else {
    const said = [prediction].flat().join(", ") || "none of the labels";
    card.append(element("h2", said));
    const ranked = Object.entries(scores).sort(([, left], [, right]) => right - left);
    for (const [name, value] of ranked.slice(0, SHOWN)) {
      const item = row(name, value, `${(100 * value).toFixed(1)} %`);
      item.style.setProperty("--share", value);
      list.append(item);
    }
  }
  card.append(list);
}

function row(name, value, text) {
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
