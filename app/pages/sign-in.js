// The page a magic link leads to. The token stands in the fragment, which no server ever sees; it is taken
// out of the address bar at once and spent only by the button. The refresh token stays in its cookie.
"use strict";

const sections = ["confirm", "ask", "signed-in"];
const element = (id) => document.getElementById(id);
let accessToken = null;

function show(id, notice = "") {
  for (const section of sections) element(section).hidden = section !== id;
  element("notice").textContent = notice;
}

async function call(method, path, body) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (accessToken !== null) headers["Authorization"] = `Bearer ${accessToken}`;
  const response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer.errors?.[0]?.message ?? answer.detail);
  return answer;
}

async function welcome(grant) {
  accessToken = grant.access_token;
  const me = await call("GET", "/v1/me");
  element("who").textContent = me.user.email;
  element("tenant").textContent = me.tenant.name;
  show("signed-in");
}

function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(null, "", location.pathname);
  return token;
}

async function confirm(token) {
  element("confirm-button").disabled = true;
  try {
    await welcome(await call("POST", "/v1/auth/verify", { token }));
  } catch (error) {
    show("ask", error.message);
  }
}

async function ask(event) {
  event.preventDefault();
  try {
    await call("POST", "/v1/auth/magic-link", { email: element("email").value.trim() });
    element("notice").textContent = "If this address can sign in, a link is on its way. It works for 15 minutes.";
  } catch (error) {
    element("notice").textContent = error.message;
  }
}

async function leave() {
  try {
    await call("POST", "/v1/auth/logout", {});
    accessToken = null;
    show("ask", "Signed out.");
  } catch (error) {
    element("notice").textContent = error.message;
  }
}

async function start() {
  element("ask-form").addEventListener("submit", ask);
  element("leave").addEventListener("click", leave);
  const token = takeToken();
  if (token !== null) {
    element("confirm-button").addEventListener("click", () => confirm(token), { once: true });
    show("confirm");
    return;
  }
  try {
    await welcome(await call("POST", "/v1/auth/refresh", {}));
  } catch {
    show("ask");
  }
}

start();
