use clap::Parser;

use super::*;
use crate::config::{Args, Config};
use crate::server::parts;

fn look(uri: &str, fields: &[(&'static str, &str)]) -> Result<Pages, RequestFault> {
    let args = [
        "gateway",
        "--tenant-id=aaaabbbb-0000-cccc-1111-dddd2222eeee",
        "--client-id=11112222-bbbb-3333-cccc-4444dddd5555",
        "--public-url=https://mcp.contoso.com/mcp",
        "--allowed-origins=https://app.contoso.com",
    ];
    let config = Config::try_from(Args::parse_from(args)).unwrap();
    let refusals = Arc::new(parts::refusals(&config, &config.public_url));
    let front = parts::front(&config, refusals, Audit::off());
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    front.look(&uri.parse().unwrap(), &headers)
}

#[test]
fn all_that_names_a_host_must_name_the_same() {
    for (uri, hosts, expected) in [
        ("/mcp", &["mcp.contoso.com"][..], Ok(Pages::None)),
        ("/mcp", &["mcp.contoso.com:443"], Ok(Pages::None)),
        ("https://mcp.contoso.com/mcp", &[], Ok(Pages::None)),
        ("https://mcp.contoso.com/mcp", &["MCP.contoso.com:443"], Ok(Pages::None)),
        ("/mcp", &[], Err(RequestFault::AmbiguousHost)),
        ("/mcp", &["mcp.contoso.com", "mcp.contoso.com"], Err(RequestFault::AmbiguousHost)),
        ("/mcp", &["mcp.contoso.com", "evil.example"], Err(RequestFault::AmbiguousHost)),
        ("https://evil.example/mcp", &["mcp.contoso.com"], Err(RequestFault::AmbiguousHost)),
        ("https://mcp.contoso.com/mcp", &["evil.example"], Err(RequestFault::AmbiguousHost)),
        ("/mcp", &["mcp.contoso.com@evil.example"], Err(RequestFault::AmbiguousHost)),
        ("/mcp", &["not a host"], Err(RequestFault::AmbiguousHost)),
        ("/mcp", &["evil.example"], Err(RequestFault::HostNotAllowed)),
        (
            "/.well-known/oauth-protected-resource",
            &["a.example", "b.example"],
            Err(RequestFault::AmbiguousHost),
        ),
    ] {
        let fields: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
        assert_eq!(look(uri, &fields), expected, "{uri} {hosts:?}");
    }
}

#[test]
fn a_page_calls_only_from_an_origin_of_the_list() {
    let own = ("host", "mcp.contoso.com");
    let of = |origin: &str| look("/mcp", &[own, ("origin", origin)]);
    assert_eq!(
        of("https://app.contoso.com"),
        Ok(Pages::Of(HeaderValue::from_static("https://app.contoso.com")))
    );
    for origin in ["https://evil.example", "null", "", "https://app.contoso.com/x"] {
        assert_eq!(of(origin), Err(RequestFault::OriginNotAllowed), "{origin}");
    }
    let twice = [own, ("origin", "https://app.contoso.com"), ("origin", "https://app.contoso.com")];
    assert_eq!(look("/mcp", &twice), Err(RequestFault::OriginNotAllowed));
    let public = [own, ("origin", "https://evil.example")];
    assert_eq!(look("/.well-known/oauth-protected-resource", &public), Ok(Pages::Any));
}

#[test]
fn exports_are_no_more_public_than_mcp() {
    let (own, evil) = (("host", "mcp.contoso.com"), ("host", "evil.example"));
    for (uri, host, origin, expected) in [
        ("/exports/x", own, None, Ok(Pages::None)),
        ("/exports/x", evil, None, Err(RequestFault::HostNotAllowed)),
        ("/exports/x?once=y", evil, None, Err(RequestFault::HostNotAllowed)),
        ("/exports/x", own, Some("https://evil.example"), Err(RequestFault::OriginNotAllowed)),
        ("/exports", evil, None, Ok(Pages::Any)),
    ] {
        let fields: Vec<_> = [host].into_iter().chain(origin.map(|origin| ("origin", origin))).collect();
        assert_eq!(look(uri, &fields), expected, "{uri} {fields:?}");
    }
}

#[test]
fn fields_are_counted_together() {
    let host = ("host", "mcp.contoso.com");
    let half = "x".repeat(MAX_FIELD_BYTES / 2 - 20);
    assert_eq!(look("/mcp", &[host, ("x-a", &half)]), Ok(Pages::None));
    let fields = [host, ("x-a", &half), ("x-b", &half), ("x-c", "0123456789abcdef")];
    assert_eq!(look("/mcp", &fields), Err(RequestFault::FieldsTooLarge));
    let most = "x".repeat(MAX_FIELD_BYTES - host.0.len() - host.1.len() - "x-a".len());
    assert_eq!(look("/mcp", &[host, ("x-a", &most)]), Ok(Pages::None));
    assert_eq!(look("/mcp", &[host, ("x-ab", &most)]), Err(RequestFault::FieldsTooLarge));
}

#[test]
fn a_page_is_told_of_the_fields_that_are_used_here_and_no_others() {
    let asked = Request::builder()
        .method(Method::OPTIONS)
        .header("origin", "https://app.contoso.com")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "Authorization,mcp-param-region, x-evil, mcp-protocol-version, If-Range",
        );
    let asked = asked.body(Body::empty()).unwrap();
    let wanted = preflight(&asked, false).unwrap();
    assert_eq!(wanted, ["authorization", "mcp-param-region", "mcp-protocol-version"]);
    assert_eq!(preflight(&asked, true).unwrap().last().unwrap(), "if-range");
    let plain = Request::builder().method(Method::OPTIONS).header("origin", "https://app.contoso.com");
    assert_eq!(preflight(&plain.body(Body::empty()).unwrap(), false), None);
}

#[test]
fn caches_are_told_that_an_answer_depends_on_the_page() {
    let opened = |pages: &Pages| {
        let mut headers = HeaderMap::new();
        open(pages, EXPOSED, &mut headers);
        [header::VARY, header::ACCESS_CONTROL_ALLOW_ORIGIN, header::ACCESS_CONTROL_EXPOSE_HEADERS]
            .map(|name| headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default())
    };
    let app = "https://app.contoso.com";
    assert_eq!(opened(&Pages::None), ["Origin", "", ""]);
    assert_eq!(opened(&Pages::Any), ["", "*", EXPOSED]);
    assert_eq!(opened(&Pages::Of(HeaderValue::from_static(app))), ["Origin", app, EXPOSED]);
}
