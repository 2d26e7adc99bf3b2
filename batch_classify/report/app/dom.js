// Elements. Texts become text nodes, so that nothing that a file is called is ever read as markup.

/** Builds an element: functions among the attributes listen, true and false switch, null is left out. */
function h(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

function byId(id) {
  return document.getElementById(id);
}

const facts = JSON.parse(byId("facts").textContent);
