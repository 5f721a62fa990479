//! Whether the broker can prove itself: its clock and its credential.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::SignedDuration;

use super::found::{Found, View};
use crate::aadsts::is_of_credential;
use crate::credential::{Own, URGENT_BELOW};
use crate::preflight::graph::{KeyCredential, Standing};
use crate::preflight::untold::Untold;

/// How far the clock may be off. Entra ID itself bears five minutes; what is off by one is off by more soon.
const MOST_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Further numbers that mean the credential where nobody else's assertion is in the request: it is malformed or not of
/// this tenant (Microsoft: "Microsoft Entra authentication and authorization error codes").
const OF_OWN_ASSERTION: &[u32] = &[50_027, 700_023, 700_222, 700_223];
/// Of those that mean the credential, the one that a wrong clock causes: the assertion is not valid yet, or no longer.
const NOT_NOW: u32 = 700_024;

/// The distance of the clock from Entra ID's.
pub(super) fn clock(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let subject = "this machine's clock";
    let ahead = view.tenant.clock_ahead.clone()?;
    let (off, way) = (ahead.abs().as_secs(), if ahead.is_negative() { "behind" } else { "ahead of" });
    if ahead.abs() <= MOST_SKEW {
        return Ok(vec![Found::granted(subject, "agrees with Entra ID's within a minute")]);
    }
    let detail = format!("{off} s {way} Entra ID's clock; from 300 s on, sign-ins and exchanges fail");
    Ok(vec![Found::missing(subject, detail, "Set the clock: let chrony or systemd-timesyncd keep it.")])
}

/// Whether the application knows the credential, and for how long.
pub(super) fn credential(view: &View<'_>) -> Result<Vec<Found>, Untold> {
    let tenant = view.tenant;
    let own = tenant.own.clone()?;
    let subject = match &own {
        Own::Certificate { .. } => "the broker's certificate",
        Own::Federated { .. } => "the broker's federated credential",
    };
    match &tenant.standing {
        Standing::Untold(untold) => Err(untold.clone()),
        Standing::Refused { number: Some(NOT_NOW) } if skewed(view) => {
            let why = Untold::Unavailable("Entra ID accepts nothing while the clock is wrong".to_owned());
            Ok(vec![Found::unknown(subject, &why)])
        }
        Standing::Refused { number: Some(number) } if means_credential(*number) => {
            Ok(vec![refused(view, subject, &own, *number)])
        }
        Standing::Refused { .. } => tenant.principal.clone().map(|_| Vec::new()),
        Standing::Accepted => Ok(vec![match &own {
            Own::Certificate { thumbprint } => listed_certificate(view, subject, thumbprint),
            Own::Federated { issuer, subject: about, audiences } => {
                listed_token(view, subject, issuer, about, audiences)
            }
        }]),
    }
}

fn means_credential(number: u32) -> bool {
    is_of_credential(number) || OF_OWN_ASSERTION.contains(&number)
}

fn skewed(view: &View<'_>) -> bool {
    view.tenant.clock_ahead.as_ref().is_ok_and(|ahead| ahead.abs() > MOST_SKEW)
}

fn refused(view: &View<'_>, subject: &str, own: &Own, number: u32) -> Found {
    let client = view.expected.client_id;
    match own {
        Own::Certificate { thumbprint } => Found::missing(
            subject,
            format!(
                "Entra ID refuses it (AADSTS{number}): x5t#S256 {thumbprint} is not a valid certificate of the application"
            ),
            format!(
                "Upload the certificate of AZURE_CLIENT_CERTIFICATE_PATH: `az ad app credential reset --id {client} \
                 --cert @certificate.pem --append`."
            ),
        ),
        Own::Federated { issuer, subject: about, audiences } => Found::missing(
            subject,
            format!(
                "Entra ID refuses it (AADSTS{number}): nothing trusts issuer {issuer}, subject {about}, audience {}",
                audiences.join(", ")
            ),
            format!(
                "Add a federated credential with exactly these three: `az ad app federated-credential create --id {client}`."
            ),
        ),
    }
}

/// Entra ID has just accepted it, so that a list without it is not proof: changes take minutes to be everywhere.
fn unlisted(subject: &str) -> Found {
    let why = "Entra ID accepts it, but the application does not list it: it was added or removed just now";
    Found::unknown(subject, &Untold::Unavailable(why.to_owned()))
}

fn listed_certificate(view: &View<'_>, subject: &str, thumbprint: &str) -> Found {
    let (application, principal) = (&view.tenant.application, &view.tenant.principal);
    let of_application = application.as_ref().ok().and_then(Option::as_ref).map(|app| &app.key_credentials);
    let of_principal = principal.as_ref().ok().and_then(Option::as_ref).map(|sp| &sp.key_credentials);
    let listed: Vec<_> = of_application.into_iter().chain(of_principal).flatten().collect();
    let ours = listed.iter().find(|listed| is(listed, thumbprint));
    if let Some(ends) = ours.and_then(|key| key.end_date_time) {
        return lasting(view, subject, ends.duration_since(view.tenant.at));
    }
    let unreadable = listed.is_empty() || listed.iter().any(|key| key.key.is_none());
    if ours.is_some() || unreadable || of_application.is_none() {
        return Found::granted(subject, "Entra ID accepts it");
    }
    unlisted(subject)
}

/// What ends within days is a fault before it is an outage.
fn lasting(view: &View<'_>, subject: &str, left: SignedDuration) -> Found {
    let detail = format!("Entra ID accepts it; {} days left", left.as_hours() / 24);
    if left >= URGENT_BELOW {
        return Found::granted(subject, detail);
    }
    let fix = format!(
        "Upload a new one beside it (`az ad app credential reset --id {} --cert @certificate.pem --append`), then \
         replace the file of AZURE_CLIENT_CERTIFICATE_PATH.",
        view.expected.client_id
    );
    Found::missing(subject, detail, fix)
}

fn is(listed: &KeyCredential, thumbprint: &str) -> bool {
    let digest = |der: &Vec<u8>| BASE64_URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, der));
    listed.key.as_ref().is_some_and(|der| digest(der) == thumbprint)
}

fn listed_token(view: &View<'_>, subject: &str, issuer: &str, about: &str, audiences: &[String]) -> Found {
    let Ok(listed) = &view.tenant.federated else { return Found::granted(subject, "Entra ID accepts it") };
    let ours = listed.items.iter().any(|one| {
        one.issuer == issuer
            && one.subject == about
            && one.audiences.iter().any(|name| audiences.contains(name))
    });
    if ours || !listed.complete {
        return Found::granted(subject, "Entra ID accepts it; it renews itself");
    }
    unlisted(subject)
}
