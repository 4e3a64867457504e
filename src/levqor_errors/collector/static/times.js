// Times as the reader's clock shows them. The server writes UTC, which stays to be seen on hover.

const day = new Intl.DateTimeFormat("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit" });
const clock = new Intl.DateTimeFormat("sv-SE", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** Show all times under an element locally; what is added later has to be given again. */
export function localise(root = document) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    const instant = new Date(time.dateTime);
    delete time.dataset.local;
    if (Number.isNaN(instant.getTime())) continue;
    time.title = `${time.dateTime.slice(0, 10)} ${time.dateTime.slice(11, 23)} UTC`;
    time.textContent = `${day.format(instant)} ${clock.format(instant)}`;
  }
}
