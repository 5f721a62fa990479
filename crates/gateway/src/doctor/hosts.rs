//! The hosts of the cloud: whether each answers over trusted TLS, and what time it is there.

use identity::LEEWAY;
use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};
use telemetry::report::{Finding, Outcome};
use url::Url;

use super::site::{Site, ask};

/// The authority, and the distance to its clock: it writes the times into tokens.
pub(super) async fn authority(site: &Site) -> Vec<Finding> {
    let (finding, headers) = reach(
        site,
        "authority",
        set("AZURE_AUTHORITY_HOST", site.args.cloud.authority_host.as_ref()),
        &site.endpoints.authority,
    )
    .await;
    let clock = headers.and_then(|headers| clock(&headers, site.clock.now(), &site.endpoints.authority));
    [Some(finding), clock].into_iter().flatten().collect()
}

/// Azure Resource Manager.
pub(super) async fn arm(site: &Site) -> Vec<Finding> {
    vec![
        reach(
            site,
            "arm",
            set("AZURE_ARM_ENDPOINT", site.args.cloud.arm_endpoint.as_ref()),
            &site.endpoints.arm,
        )
        .await
        .0,
    ]
}

/// Microsoft Graph, which only the broker calls. Both often leave by the same way, so it is looked at; but where this
/// machine has none, nothing is wrong with the gateway.
pub(super) async fn graph(site: &Site) -> Vec<Finding> {
    let (finding, _) = reach(
        site,
        "graph",
        set("AZURE_GRAPH_ENDPOINT", site.args.cloud.graph_endpoint.as_ref()),
        &site.endpoints.graph,
    )
    .await;
    if finding.outcome != Outcome::Missing {
        return vec![finding];
    }
    let detail =
        format!("{}; only the broker needs it, and its preflight says whether it gets there", finding.detail);
    vec![Finding { outcome: Outcome::Unknown, detail, ..finding }]
}

/// `setting` names the host. Without one it is Microsoft's own, and where it is out of reach the way there is at fault.
async fn reach(site: &Site, name: &str, setting: Option<&str>, url: &Url) -> (Finding, Option<HeaderMap>) {
    let subject = url.as_str().trim_end_matches('/');
    let http = match &site.http {
        Ok(http) => http,
        Err(why) => return (Finding::unknown(name, subject, why, "Mend EXTRA_CA_FILE first."), None),
    };
    // Any status will do: that a host answers is all that is asked.
    match ask(http.get(url.clone()), url).await {
        Ok(response) => {
            (Finding::ok(name, subject, "answers over trusted TLS"), Some(response.headers().clone()))
        }
        Err(trouble) => {
            let fix = setting.map_or_else(|| trouble.fix_way_to(url), |setting| trouble.fix(setting));
            (Finding::missing(name, subject, trouble.detail(url), fix), None)
        }
    }
}

/// The setting that overrides a host, where it is set.
fn set(setting: &'static str, given: Option<&Url>) -> Option<&'static str> {
    given.map(|_| setting)
}

/// How far this machine's clock is from the one that the answer's `Date` was written by (RFC 9110 section 6.6.1).
fn clock(headers: &HeaderMap, now: Timestamp, url: &Url) -> Option<Finding> {
    let host = url.host_str().unwrap_or_default();
    let date = headers.get(DATE)?.to_str().ok()?;
    let there = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let ahead = now.duration_since(there).as_secs();
    let subject = format!("this machine against {host}");
    // A second either way is the header's own resolution.
    if ahead.abs() <= 1 {
        return Some(Finding::ok("clock", subject, "the same time"));
    }
    let way = if ahead > 0 { "ahead" } else { "behind" };
    let detail = format!("{} seconds {way}; {} are tolerated", ahead.abs(), LEEWAY.as_secs());
    if ahead.abs() <= LEEWAY.as_secs() {
        return Some(Finding::ok("clock", subject, detail));
    }
    let fix = "Set the clock of this machine by NTP: tokens are refused as expired or not_yet_valid until it is right.";
    Some(Finding::missing("clock", subject, detail, fix))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn the_clock_may_be_off_by_what_tokens_are_forgiven() {
        let url = Url::parse("https://login.microsoftonline.com").unwrap();
        let headers: HeaderMap =
            [(DATE, HeaderValue::from_static("Sun, 22 Nov 2026 10:00:00 GMT"))].into_iter().collect();
        let at = |time: &str| clock(&headers, time.parse().unwrap(), &url).unwrap();
        for (time, outcome) in [
            ("2026-11-22T10:00:01Z", Outcome::Ok),
            ("2026-11-22T10:01:00Z", Outcome::Ok),
            ("2026-11-22T10:01:01Z", Outcome::Missing),
            ("2026-11-22T09:58:59Z", Outcome::Missing),
        ] {
            assert_eq!(at(time).outcome, outcome, "{time}");
        }
        assert!(at("2026-11-22T11:00:00Z").detail.starts_with("3600 seconds ahead"));
        assert_eq!(clock(&HeaderMap::new(), "2026-11-22T10:00:00Z".parse().unwrap(), &url), None);
    }
}
