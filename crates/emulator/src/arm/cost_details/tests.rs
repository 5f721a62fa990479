//! Tests of what stands in the blobs of a report.

use jiff::civil::date;

use super::{Made, Report};
use crate::arm::costs::{Basis, Subscriptions, View};
use crate::arm::query::QueryScope;
use crate::jwt;
use crate::tenant::contoso::{BIG_SUBSCRIPTION, FACTORY_SUBSCRIPTION, PROD_SUBSCRIPTION};

fn of_october(scope: &str, rows_per_blob: usize) -> Report {
    let scope = QueryScope::parse(scope, &Subscriptions::written(1, "", 100)).unwrap();
    let (days, view) =
        ((date(2026, 10, 1), date(2026, 10, 31)), View::at("2026-11-20T12:00:00Z".parse().unwrap()));
    let report = Report::of(Made { scope, basis: Basis::Actual, days, view, rows_per_blob });
    report.make();
    report
}

fn subscription(id: &str) -> String {
    format!("/subscriptions/{id}")
}

/// The blobs, which have the sizes that were promised.
fn blobs(report: &Report) -> Vec<String> {
    let extents = report.layout().unwrap().blobs.iter().enumerate();
    let written = extents.map(|(at, extent)| {
        let mut bytes = Vec::new();
        report.write(at, *extent, &mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, extent.bytes);
        String::from_utf8(bytes).unwrap()
    });
    written.collect()
}

#[test]
fn every_row_has_every_column() {
    for (id, tags) in [(PROD_SUBSCRIPTION, "\"{\"\""), (FACTORY_SUBSCRIPTION, "\"\"\"")] {
        let text = blobs(&of_october(&subscription(id), 50)).swap_remove(0);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 51);
        let columns = lines[0].split(',').count();
        for line in &lines[1..] {
            // Commas inside quotes stand in the tags alone, one per tagged row.
            let inner = line.matches("\"\",\"\"").count();
            assert_eq!(line.split(',').count() - inner, columns, "{line}");
        }
        assert!(text.contains(tags), "tags with braces, or without");
    }
}

#[test]
fn blobs_of_any_size_hold_the_same_rows() {
    // Of several subscriptions, on whose days a blob begins wherever it happens to.
    let profile = "/providers/Microsoft.Billing/billingAccounts/11112222:22223333_2019-05-31/billingProfiles/AAAA-BBBB-CCC-DDD";
    let rows = |rows_per_blob| {
        let blobs = blobs(&of_october(profile, rows_per_blob));
        let rows = blobs.iter().flat_map(|blob| blob.lines().skip(1).map(str::to_owned));
        (blobs.len(), rows.collect::<Vec<_>>())
    };
    let (one, all) = rows(usize::MAX);
    assert!(one == 1 && all.len() > 31 * 100, "{one} {}", all.len());
    for size in [7, 100, 333] {
        assert_eq!(rows(size), (all.len().div_ceil(size), all.clone()), "{size}");
    }
    let of_big = all.iter().filter(|row| row.contains(BIG_SUBSCRIPTION)).count();
    assert_eq!(of_big, 31 * 100);
}

#[test]
fn rows_are_the_same_in_every_version() {
    let all = Subscriptions::new(1);
    let digest = |id: &String| {
        let text = blobs(&of_october(&subscription(id), usize::MAX)).swap_remove(0);
        jwt::sha256(text.as_bytes())
    };
    let ids: Vec<_> = all.iter().map(|one| one.id.clone()).collect();
    let digests: Vec<_> = ids.iter().map(digest).collect();
    assert_eq!(
        digests,
        [
            "5K27tL193nG0zNuCjeFrRURJLI--kXxK_bpqkf64oQk",
            "xXrYRunwT8DFgdYz1M6p52r7jsfhagNbbnYqCXGxRqQ",
            "w6aHjJwmz-MrB0gfQ6im7Z0yWBodQFjXOjJWlyfY4As",
            "hmS_s9XMhL4hKXZ9TH8zIRbao-IkFxpqIxSqdzMkobs",
            "3O3dd17SIoJW5Sq9oWqkgl_vB4vKh1Ggrq5x2ucjkRo",
            "uNGmf-mZMqVXHlX-cdUHm9ZfoESo7cXNwse47zFt6ZE",
        ]
    );
}
