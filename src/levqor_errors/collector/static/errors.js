// What the list of errors can do with scripts and need not: keys, local times in the chart and of a range, short addresses.

import "./keys.js";

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

for (const label of document.querySelectorAll("[data-axis]")) {
  const instant = new Date(label.dataset.axis);
  const isMidnight = !instant.getHours() && !instant.getMinutes();
  label.textContent = (isMidnight ? day : clock).format(instant);
}

// A field without a zone is the reader's own; what is sent is UTC.
const local = (utc) => {
  const instant = new Date(`${utc}Z`);
  return new Date(instant - instant.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};
for (const field of document.querySelectorAll('input[type="datetime-local"]')) {
  if (field.value) field.value = local(field.value);
  field.form.addEventListener("formdata", (event) => {
    const instant = new Date(event.formData.get(field.name));
    if (!Number.isNaN(instant.getTime())) event.formData.set(field.name, instant.toISOString());
  });
}

// An address that can be shared says only what was chosen.
for (const form of document.querySelectorAll('form[method="get"]')) {
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (!value) formData.delete(name);
  });
}
