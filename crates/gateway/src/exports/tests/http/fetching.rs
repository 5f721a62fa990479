//! What comes out, and under which fields.

use testkit::eventually;

use super::*;

#[tokio::test]
async fn an_export_is_fetched_whole_and_says_what_it_is() {
    let site = site().await;
    let whole = text(3 * CHUNK + 17);
    let kept = site.shop.keep(&person(1), &whole);
    let answer = site.get(&at(&kept), &[]).await;
    assert_eq!((answer.status, answer.body == whole), (StatusCode::OK, true));
    let digest = BASE64_STANDARD.encode(digest(&whole));
    for (name, expected) in [
        ("content-length", whole.len().to_string()),
        ("content-type", "text/csv".to_owned()),
        ("content-disposition", "attachment; filename=\"costs.csv\"".to_owned()),
        ("etag", format!("\"{}\"", kept.sha256)),
        ("accept-ranges", "bytes".to_owned()),
        ("repr-digest", format!("sha-256=:{digest}:")),
        ("cache-control", "private, no-store".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
        ("content-security-policy", "sandbox; default-src 'none'".to_owned()),
        ("referrer-policy", "no-referrer".to_owned()),
    ] {
        assert_eq!(answer.header(name), expected, "{name}");
    }
    let token = site.token(1, "cost.export");
    let head = site.ask("HEAD", &at(&kept), Some(&token), &[("range", "bytes=0-1")]).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), whole.len().to_string());
}

#[tokio::test]
async fn a_part_is_fetched_and_what_was_cut_goes_on_from_there() {
    let site = site().await;
    let whole = text(2 * CHUNK + 100);
    let kept = site.shop.keep(&person(1), &whole);
    let (length, tag) = (whole.len(), format!("\"{}\"", kept.sha256));
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=65535-65536", CHUNK - 1, CHUNK + 1),
        ("bytes=70000-", 70_000, length),
        ("bytes=-100", length - 100, length),
        ("bytes=0-", 0, length),
    ] {
        let part = site.get(&at(&kept), &[("range", range), ("if-range", &tag)]).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/{length}", to - 1));
        assert_eq!(part.header("content-length"), (to - from).to_string());
        assert!(part.body == whole[from..to], "{range}");
    }
    let other = site.get(&at(&kept), &[("range", "bytes=0-0"), ("if-range", "\"other\"")]).await;
    assert_eq!((other.status, other.body.len()), (StatusCode::OK, length));
    let beyond = site.get(&at(&kept), &[("range", &format!("bytes={length}-"))]).await;
    assert_eq!((beyond.status, beyond.body.len()), (StatusCode::RANGE_NOT_SATISFIABLE, 0));
    assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
    let known = site.get(&at(&kept), &[("if-none-match", &tag)]).await;
    assert_eq!((known.status, known.header("etag"), known.body.len()), (StatusCode::NOT_MODIFIED, &*tag, 0));
    let failed = site.get(&at(&kept), &[("if-match", "\"other\"")]).await;
    assert_eq!((failed.status, failed.body.len()), (StatusCode::PRECONDITION_FAILED, 0));
}

/// The body of an answer whose reader takes nothing yet.
async fn begun(site: &Site, kept: &Kept) -> Body {
    let token = site.token(1, "cost.export");
    let request = Request::get(at(kept)).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let response = site.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body()
}

#[tokio::test]
async fn an_export_that_expires_on_its_way_arrives_and_one_whose_reader_left_is_let_go() {
    let site = site().await;
    let whole = text(8 * CHUNK);
    let kept = site.shop.keep(&person(1), &whole);
    let (stays, leaves) = (begun(&site, &kept).await, begun(&site, &kept).await);
    site.shop.clock.set(kept.expires_at);
    site.shop.exports.sweep();
    assert_eq!(site.get(&at(&kept), &[]).await.told(), (404, "export_not_found".to_owned()));
    assert!(stays.collect().await.unwrap().to_bytes() == whole);
    assert!(site.shop.exports.0.room.taken() > 0, "the other one may still read");
    drop(leaves);
    eventually("the room is free", async || site.shop.exports.0.room.taken() == 0).await;
}

#[tokio::test]
async fn one_person_is_sent_so_many_at_a_time_and_what_is_damaged_never_ends_well() {
    let site = site().await;
    let kept = site.shop.keep(&person(1), &text(8 * CHUNK));
    let mut under_way = Vec::new();
    for _ in 0..4 {
        under_way.push(begun(&site, &kept).await);
    }
    let refused = site.get(&at(&kept), &[]).await;
    assert_eq!(refused.told(), (429, "too_many_downloads".to_owned()));
    assert_eq!(refused.header("retry-after"), "5");
    drop(under_way);
    eventually("a lane is free", async || site.get(&at(&kept), &[]).await.status == StatusCode::OK).await;

    let path = site.shop.files().pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[3 * (CHUNK + TAG)] ^= 1;
    fs::write(&path, bytes).unwrap();
    let body = begun(&site, &kept).await;
    assert!(body.collect().await.is_err(), "whoever reads knows that it is not whole");
}

#[tokio::test]
async fn who_takes_nothing_is_left() {
    let site = site().await;
    let kept = site.shop.keep(&person(1), &text(8 * CHUNK));
    let mut body = begun(&site, &kept).await;
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first.len(), CHUNK);
    site.shop.clock.set(kept.expires_at);
    site.shop.exports.sweep();
    // From here on nothing comes from outside, so the time goes on by itself where everybody waits.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    while site.shop.exports.0.room.taken() > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let took = began.elapsed();
    assert!(took >= sending::STALL && took < LONGEST, "{took:?}");
    assert!(body.collect().await.is_err(), "what was sent is not the whole");
}

#[tokio::test]
async fn who_takes_a_little_at_a_time_is_left_in_the_end_and_goes_on_with_a_range() {
    let site = site_with(&[], |settings| settings.bytes = 8 * MIB).await;
    let whole = text(50 * CHUNK);
    let kept = site.shop.keep(&person(1), &whole);
    let mut body = begun(&site, &kept).await;
    tokio::time::pause();
    let (began, mut taken) = (tokio::time::Instant::now(), Vec::new());
    while let Some(Ok(frame)) = body.frame().await {
        taken.extend(frame.into_data().unwrap());
        tokio::time::sleep(sending::STALL * 5 / 6).await;
    }
    let took = began.elapsed();
    assert!(took >= LONGEST && took < LONGEST + sending::STALL * 2, "{took:?}");
    tokio::time::resume();
    let rest = site.get(&at(&kept), &[("range", &format!("bytes={}-", taken.len()))]).await;
    assert_eq!(rest.status, StatusCode::PARTIAL_CONTENT);
    assert!([taken, rest.body].concat() == whole);
}
