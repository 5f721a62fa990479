//! The sign-in pages. Plain HTML without scripts; everything from the request is escaped.

use std::fmt::Write as _;

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use url::Url;
use uuid::Uuid;

use super::explain::explain;
use crate::entra::errors::EntraError;
use crate::entra::form::Form;
use crate::tenant::directory::Application;
use crate::tenant::people::Person;
use crate::world::World;

/// Most generated people listed; the rest sign in by `login_hint`.
const MOST_LISTED: usize = 12;

/// "Pick an account".
pub(super) fn choose_account(world: &World, form: &Form, client: &Application) -> Response {
    let mut list = String::new();
    for person in world.tenant.people.iter().take(MOST_LISTED) {
        let button = button("emulator_person", &person.name, &person.display_name, &person.upn);
        let _ = write!(list, "<li>{}</li>", self::form(form, &[], &button));
    }
    page(
        "Pick an account",
        &format!("<p>to continue to <b>{}</b></p><ul>{list}</ul>", escape(&client.display_name)),
    )
}

/// The second factor.
pub(super) fn prove_more(form: &Form, client: &Application, person: &Person) -> Response {
    let approve = button("emulator_mfa", "true", "Approve", "the emulator takes any second factor");
    let body = format!(
        "<p>{}, your organization needs more information before you continue to <b>{}</b>.</p>\
         <p>Approve the sign-in request on your Authenticator app.</p>{}",
        escape(&person.display_name),
        escape(&client.display_name),
        self::form(form, &[("emulator_person", &person.name)], &approve)
    );
    page("Approve sign in request", &body)
}

/// "Permissions requested".
pub(super) fn consent(
    world: &World,
    form: &Form,
    client: &Application,
    person: &Person,
    scopes: &[String],
) -> Response {
    let buttons = format!(
        "{}{}",
        button("emulator_consent", "accept", "Accept", ""),
        button("emulator_consent", "decline", "Cancel", "")
    );
    let mfa = form.get("emulator_mfa").unwrap_or_default();
    let chosen = [("emulator_person", person.name.as_str()), ("emulator_mfa", mfa)];
    let body = format!(
        "<p><b>{}</b> would like to:</p><ul>{}</ul>{}",
        escape(&client.display_name),
        descriptions(world, scopes),
        self::form(form, &chosen, &buttons)
    );
    page("Permissions requested", &body)
}

/// What an administrator has to approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Approval {
    /// One of the scopes is theirs to grant: "Need admin approval".
    OfScope,
    /// People may consent to nothing: "Approval required".
    OfAnything,
}

/// What stands in the way, and nobody but an administrator gets past it.
pub(super) fn admin_must_consent(
    form: &Form,
    client: &Application,
    person: &Person,
    scopes: &[String],
    approval: Approval,
) -> Response {
    let (title, code) = match approval {
        Approval::OfScope => ("Need admin approval", 90_094),
        Approval::OfAnything => ("Approval required", 90_095),
    };
    let back =
        button("emulator_consent", "decline", "Return to the application without granting consent", "");
    let body = format!(
        "<p><b>{}</b> needs permission to access resources in your organization that only an admin can grant: \
         <code>{}</code>. Please ask an admin to grant permission to this app before you can use it.</p>\
         <p class=code>AADSTS{code}</p>{}",
        escape(&client.display_name),
        escape(&scopes.join(" ")),
        self::form(form, &[("emulator_person", &person.name)], &back)
    );
    page(title, &body)
}

/// "Sorry, but we're having trouble signing you in."
pub(super) fn error(world: &World, error: &EntraError) -> Response {
    let description = error.description(world.clock.now(), Uuid::new_v4(), &Uuid::new_v4().to_string());
    let explained = explain(error.code).map_or_else(String::new, |(meaning, mending)| {
        format!("<p><b>AADSTS{}</b>: {}</p><p>{}</p>", error.code, escape(meaning), escape(mending))
    });
    let body = format!(
        "<p>Sorry, but we're having trouble signing you in.</p>{explained}<p class=code>{}</p>",
        escape(&description)
    );
    let mut response = page("Sign in", &body);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// `response_mode=form_post`: a page whose one button posts the answer to the client.
pub(super) fn post_back(target: &Url, parameters: &[(&str, &str)]) -> Response {
    let fields = parameters.iter().fold(String::new(), |mut fields, (name, value)| {
        hidden(&mut fields, name, value);
        fields
    });
    let action = escape(target.as_str());
    page(
        "Signed in",
        &format!("<form method=post action=\"{action}\">{fields}<button>Continue</button></form>"),
    )
}

fn descriptions(world: &World, scopes: &[String]) -> String {
    let directory = world.tenant.directory();
    let describe = |scope: &String| {
        let found = directory.applications.iter().find_map(|app| app.scope(scope));
        format!("<li>{} <code>{}</code></li>", escape(found.map_or("", |s| &s.description)), escape(scope))
    };
    scopes.iter().map(describe).collect()
}

/// A form that posts the original request again with `chosen` and whichever button is pressed.
fn form(request: &Form, chosen: &[(&str, &str)], buttons: &str) -> String {
    let mut fields = String::new();
    for (name, value) in request.iter().filter(|(name, _)| !name.starts_with("emulator_")) {
        hidden(&mut fields, name, value);
    }
    for (name, value) in chosen {
        hidden(&mut fields, name, value);
    }
    format!("<form method=post>{fields}{buttons}</form>")
}

fn hidden(fields: &mut String, name: &str, value: &str) {
    let _ = write!(fields, "<input type=hidden name=\"{}\" value=\"{}\">", escape(name), escape(value));
}

fn button(name: &str, value: &str, label: &str, note: &str) -> String {
    format!(
        "<button name=\"{}\" value=\"{}\">{}<small>{}</small></button>",
        escape(name),
        escape(value),
        escape(label),
        escape(note)
    )
}

fn page(title: &str, body: &str) -> Response {
    const STYLE: &str = "body{font:15px/1.4 'Segoe UI',system-ui,sans-serif;background:#f2f2f2;margin:0}\
        main{background:#fff;max-width:26rem;margin:12vh auto;padding:2.5rem;box-shadow:0 2px 6px #0003}\
        h1{font-size:1.5rem;font-weight:600;margin:.5rem 0 1rem}ul{list-style:none;padding:0}\
        button{font:inherit;display:block;width:100%;text-align:left;padding:.6rem .8rem;margin:.3rem 0;border:1px solid #ccc;\
        background:#fff;cursor:pointer}button:hover{background:#f2f2f2}small{display:block;color:#666}\
        .code{font-family:monospace;font-size:.8rem;overflow-wrap:anywhere}.note{color:#666;font-size:.8rem}";
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><main><b>Contoso</b><h1>{title}</h1>{body}\
         <p class=note>Emulated sign-in. No password, no security.</p></main></html>",
        title = escape(title)
    );
    Html(html).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_of_a_request_becomes_markup() {
        assert_eq!(escape(r#"<a href="x">&'"#), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
    }
}
