// The JSON API for a page of the same site. The browser keeps the session in a cookie that no script can
// read. Only the CSRF token is kept here, and only in memory.

const API = "/api/auth/";
let csrf = "";

export class Problem extends Error {
  constructor(document) {
    super(document.detail);
    Object.assign(this, document);
  }
}

// Sends one request, and returns the answer. Throws a Problem.
export async function send(method, path, body) {
  const headers = { "X-CSRFToken": csrf };
  if (body) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(body);
  }
  const response = await fetch(API + path, { method, headers, body });
  const answer = response.status === 204 ? {} : await response.json();
  csrf = answer.csrf ?? csrf;
  if (!response.ok) throw new Problem(answer);
  return answer;
}

// The same, with what a user should not have to do.
// askPassword() returns the password from a dialog.
export async function call(method, path, body, askPassword) {
  if (!csrf && method !== "GET") await send("GET", "session");
  try {
    return await send(method, path, body);
  } catch (problem) {
    if (problem.code === "csrf_failed") {
      await send("GET", "session");
    } else if (problem.code === "recent_sign_in_required") {
      await send("PATCH", "session", { password: await askPassword() });
    } else {
      throw problem;
    }
    return send(method, path, body);
  }
}
