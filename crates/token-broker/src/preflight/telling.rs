//! What of a report goes to the log: all that is new, loudly, and nothing twice.

use telemetry::report::{Finding, Outcome, Report};

/// Tells what is new in `now` since `before`.
pub(super) fn tell(before: Option<&Report>, now: &Report) {
    let News { missing, unknown, mended } = News::between(before, now);
    for finding in missing {
        tracing::error!(
            check = finding.name,
            subject = finding.subject,
            detail = finding.detail,
            fix = finding.fix,
            url = finding.url,
            "the tenant is not set up as the broker needs it"
        );
    }
    // Many checks are unknown for one reason; it is said once.
    for (why, fix, checks) in unknown {
        tracing::warn!(
            checks = checks.join(","),
            detail = why,
            fix,
            "part of the tenant cannot be looked at"
        );
    }
    for finding in mended {
        tracing::info!(
            check = finding.name,
            subject = finding.subject,
            detail = finding.detail,
            "mended in the tenant"
        );
    }
    if now.outcome() == Outcome::Ok && before.is_none_or(|before| before.outcome() != Outcome::Ok) {
        tracing::info!(checks = now.findings.len(), "the tenant is set up as the broker needs it");
    }
}

struct News<'a> {
    missing: Vec<&'a Finding>,
    /// Why, what would help, and the names of the checks.
    unknown: Vec<(&'a str, &'a str, Vec<&'a str>)>,
    mended: Vec<&'a Finding>,
}

impl<'a> News<'a> {
    fn between(before: Option<&Report>, now: &'a Report) -> Self {
        let was = |finding: &Finding| {
            let same = |old: &&Finding| old.name == finding.name && old.subject == finding.subject;
            before.and_then(|before| before.findings.iter().find(same)).map(|old| old.outcome)
        };
        let mut news = Self { missing: Vec::new(), unknown: Vec::new(), mended: Vec::new() };
        for finding in &now.findings {
            match (finding.outcome, was(finding)) {
                (now, Some(old)) if now == old => {}
                (Outcome::Missing, _) => news.missing.push(finding),
                (Outcome::Unknown, _) => news.unknown(finding),
                (Outcome::Ok, Some(_)) => news.mended.push(finding),
                (Outcome::Ok, None) => {}
            }
        }
        news
    }

    fn unknown(&mut self, finding: &'a Finding) {
        let (why, name) = (finding.detail.as_str(), finding.name.as_str());
        match self.unknown.iter_mut().find(|(known, ..)| *known == why) {
            Some((.., checks)) if checks.last() == Some(&name) => {}
            Some((.., checks)) => checks.push(name),
            None => self.unknown.push((why, finding.fix.as_str(), vec![name])),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn report(findings: Vec<Finding>) -> Report {
        Report { tool: "t", checked_at: Timestamp::UNIX_EPOCH, findings }
    }

    #[test]
    fn what_stays_the_same_is_told_once_and_one_reason_once_for_all() {
        let first = report(vec![
            Finding::ok("a", "1", ""),
            Finding::missing("b", "1", "gone", "fix"),
            Finding::unknown("c", "1", "why", "fix"),
            Finding::unknown("c", "2", "why", "fix"),
            Finding::unknown("d", "1", "why", "fix"),
        ]);
        let news = News::between(None, &first);
        assert_eq!((news.missing.len(), news.mended.len()), (1, 0));
        assert_eq!(news.unknown, [("why", "fix", vec!["c", "d"])]);

        let second = report(vec![
            Finding::missing("a", "1", "gone", "fix"),
            Finding::ok("b", "1", ""),
            Finding::unknown("c", "1", "another reason", "fix"),
        ]);
        let news = News::between(Some(&first), &second);
        assert_eq!((news.missing[0].name.as_str(), news.mended[0].name.as_str()), ("a", "b"));
        assert!(news.unknown.is_empty());
    }
}
