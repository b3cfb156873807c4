/**
 * Plays the person at the browser: opens the address, presses the button, agrees to everything the consent page asks, and
 * follows the redirect back to the service with the cookie that the button has set.
 * @throws Error when one of the pages is not what it should be
 */
export async function grantAccess(authorizeUrl: string): Promise<void> {
  const begun = await fetch(authorizeUrl, { method: "POST", redirect: "manual" });
  const consentUrl = begun.headers.get("location");
  if (consentUrl === null) throw new Error(`the page of the link answered ${begun.status}: ${await begun.text()}`);
  const cookie = begun.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");
  const page = await (await fetch(consentUrl)).text();
  const form = new URLSearchParams({ decision: "approve" });
  for (const [, name, value] of page.matchAll(/<input type="\w+" name="(\w+)" value="([^"]*)" checked>/g)) {
    form.append(name!, unescape(value!));
  }
  const agreed = await fetch(consentUrl, { method: "POST", body: form, redirect: "manual" });
  const callback = agreed.headers.get("location");
  if (callback === null)
    throw new Error(`the consent page answered ${agreed.status} without a redirect: ${await agreed.text()}`);
  const done = await fetch(callback, { redirect: "manual", headers: { cookie } });
  if (done.status >= 400) throw new Error(`the OAuth callback answered ${done.status}: ${await done.text()}`);
}

function unescape(html: string): string {
  return html.replaceAll(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
}
