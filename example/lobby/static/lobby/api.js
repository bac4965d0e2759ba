// A single-page client: it shows what the API answers. All its words are in the page.

import { Problem, call } from "./client.js";

const find = (name) => document.querySelector(`[data-api="${name}"]`);
const language = document.documentElement.lang;
const time = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

// What an action does goes wrong here, and only here.
function when(element, event, action) {
  element.addEventListener(event, async (happened) => {
    happened.preventDefault();
    find("problem").hidden = true;
    try {
      await action(happened);
    } catch (problem) {
      if (problem) await show(problem);
    }
  });
}

async function show(problem) {
  if (!(problem instanceof Problem)) throw problem;
  const errors = Object.values(problem.errors ?? {}).flat();
  find("problem").textContent = errors.map((error) => error.message).join(" ") || problem.detail;
  find("problem").hidden = false;
  if (problem.code === "not_signed_in") await refresh();
}

async function refresh() {
  const { user } = await call("GET", "session");
  find("anonymous").hidden = user !== null;
  find("member").hidden = user === null;
  if (!user) return;
  find("name").textContent = user.username;
  find("username").value = user.username; // for password managers
  const { sessions } = await call("GET", "sessions");
  find("sessions").replaceChildren(...sessions.map(row));
  find("end-others").hidden = sessions.length < 2;
}

function row(session) {
  const item = find("session").content.firstElementChild.cloneNode(true);
  const part = (name) => item.querySelector(`[data-api="${name}"]`);
  part("device").textContent = session.device;
  part("where").textContent = [session.place, session.ip].filter(Boolean).join(", ");
  part("when").textContent = time.format(new Date(session.last_seen));
  part("when").dateTime = session.last_seen;
  part("current").hidden = !session.current;
  part("end").hidden = session.current;
  part("end").setAttribute("aria-label", `${part("end").textContent}: ${session.device}`);
  when(part("end"), "click", async () => {
    await call("DELETE", `sessions/${session.id}`, undefined, askPassword);
    await refresh();
  });
  return item;
}

// Returns what the user types into the dialog. Closing it gives up, without a word.
function askPassword() {
  const dialog = find("dialog");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve, reject) => {
    dialog.addEventListener("close", () => {
      const { value } = find("password");
      find("password").value = "";
      if (dialog.returnValue === "send") resolve(value);
      else reject(null);
    }, { once: true });
  });
}

when(find("anonymous"), "submit", async ({ target }) => {
  const { username, password } = Object.fromEntries(new FormData(target));
  target.elements.password.value = "";
  await call("POST", "session", { username, password });
  await refresh();
  find("name").focus();
});

when(find("end-others"), "click", async () => {
  await call("DELETE", "sessions", undefined, askPassword);
  await refresh();
});

when(find("sign-out"), "click", async () => {
  await call("DELETE", "session");
  await refresh();
  find("anonymous").elements.username.focus();
});

refresh().catch(show);
