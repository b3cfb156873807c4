const SCOPE_TEXTS: Readonly<Record<string, string>> = {
  "https://www.googleapis.com/auth/contacts": "See, edit and permanently delete your contacts",
  "https://www.googleapis.com/auth/contacts.readonly": "See your contacts",
  "https://www.googleapis.com/auth/contacts.other.readonly": "See contact info that was saved automatically",
  "https://www.googleapis.com/auth/tasks": "Create, edit and delete your tasks",
  "https://www.googleapis.com/auth/tasks.readonly": "See your tasks",
  "https://www.googleapis.com/auth/calendar.events": "See and edit events on your calendars",
  "https://www.googleapis.com/auth/calendar.events.readonly": "See events on your calendars",
  "https://www.googleapis.com/auth/calendar.calendarlist.readonly": "See the list of your calendars",
  "https://www.googleapis.com/auth/calendar.freebusy": "See when you are free or busy",
  "https://www.googleapis.com/auth/calendar.readonly": "See your calendars",
  "https://www.googleapis.com/auth/gmail.modify": "Read, compose and send mail",
  "https://www.googleapis.com/auth/gmail.readonly": "See your mail and settings",
  "https://www.googleapis.com/auth/gmail.send": "Send mail for you",
};

/** The page on which a person chooses the account and ticks what the client may do. It posts back to its own address. */
export function consentPage(options: {
  clientId: string;
  accounts: readonly string[];
  selected: string | undefined;
  /** Scopes with a checkbox; signing in alone needs none. */
  scopes: readonly string[];
}): string {
  const accounts = options.accounts.map(
    (email, index) =>
      `<label><input type="radio" name="account" value="${escapeHtml(email)}"${
        email === options.selected || (options.selected === undefined && index === 0) ? " checked" : ""
      }> ${escapeHtml(email)}</label>`,
  );
  const scopes = options.scopes.map(
    (scope) =>
      `<label><input type="checkbox" name="scope" value="${escapeHtml(scope)}" checked> <span>${escapeHtml(
        SCOPE_TEXTS[scope] ?? scope,
      )}<small>${escapeHtml(scope)}</small></span></label>`,
  );
  return page(
    "Sign in to the sandbox",
    `<p><b>${escapeHtml(options.clientId)}</b> wants access to an account. Nothing here is real.</p>
<form method="post">
<fieldset><legend>Account</legend>${accounts.join("\n")}</fieldset>
<fieldset><legend>It will be able to</legend>${scopes.join("\n")}</fieldset>
<button name="decision" value="approve">Allow</button>
<button name="decision" value="deny" class="quiet">Cancel</button>
</form>`,
  );
}

/** What a person sees when the client's request is wrong: there is nowhere safe to redirect to. */
export function errorPage(error: string, description: string): string {
  return page("Access blocked", `<p>${escapeHtml(description)}</p><p><code>Error 400: ${escapeHtml(error)}</code></p>`);
}

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 28rem; margin: 10vh auto; padding: 0 1rem; color: #1f2328; }
fieldset { border: 1px solid #d0d7de; border-radius: 8px; margin: 0 0 1rem; padding: .5rem 1rem; }
label { display: flex; gap: .5rem; padding: .3rem 0; align-items: baseline; }
small { display: block; color: #656d76; overflow-wrap: anywhere; }
button { font: inherit; padding: .5rem 1.25rem; border: 0; border-radius: 8px; background: #0b57d0; color: #fff; cursor: pointer; }
button.quiet { background: none; color: #0b57d0; }
</style>
<h1>${title}</h1>
${content}
</html>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
