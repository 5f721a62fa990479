use std::io;
use std::sync::{Mutex, PoisonError};

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{Status, TraceId};
use opentelemetry_sdk::trace::{Sampler, SpanData};
use tracing::field::{Empty, display};
use tracing::{Dispatch, debug, dispatcher, error, info_span, warn};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// All spans in one batch.
#[derive(Default)]
struct Kept(Mutex<Batch>);

impl Sink for Kept {
    fn take(&self, put: &mut dyn FnMut(&mut Batch)) {
        put(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What comes of `work`, in the order in which it ended.
fn ended_with(sampler: Sampler, work: impl FnOnce()) -> Vec<SpanData> {
    let kept = Arc::new(Kept::default());
    let sink: Arc<dyn Sink> = Arc::<Kept>::clone(&kept);
    let spans = Spans { sampler: Box::new(sampler), ..Spans::new(sink, false) };
    dispatcher::with_default(&Dispatch::new(tracing_subscriber::registry().with(spans)), work);
    let mut batch = kept.0.lock().unwrap();
    let spans = batch.drain(&InstrumentationScope::builder("test").build()).collect();
    assert_eq!(batch.len(), 0);
    spans
}

fn ended(work: impl FnOnce()) -> Vec<SpanData> {
    ended_with(Sampler::AlwaysOn, work)
}

fn attributes(span: &SpanData) -> Vec<String> {
    span.attributes.iter().map(|attribute| format!("{}={:?}", attribute.key, attribute.value)).collect()
}

fn caller(flags: TraceFlags) -> SpanContext {
    SpanContext::new(TraceId::from(7), SpanId::from(9), flags, true, TraceState::default())
}

#[test]
fn a_span_is_what_its_fields_say_and_each_has_its_own() {
    let spans = ended(|| {
        let first = info_span!(
            "constant",
            otel.name = %format_args!("tools/call {}", "x"),
            otel.kind = "server",
            text = "ä text",
            whole = 200_u16,
            below = -1,
            real = 0.5,
            truth = true,
            large = u64::MAX,
            later = Empty,
            never = Empty,
        );
        let second = info_span!("second", text = "another", otel.status_code = "OK");
        first.record("later", display("said later"));
        drop(second);
        drop(first);
    });
    let [second, first] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!((&*first.name, &first.span_kind), ("tools/call x", &SpanKind::Server));
    let text = |text: &str| format!("String(Owned({text:?}))");
    let expected = [
        format!("text={}", text("ä text")),
        "whole=I64(200)".to_owned(),
        "below=I64(-1)".to_owned(),
        "real=F64(0.5)".to_owned(),
        "truth=Bool(true)".to_owned(),
        format!("large={}", text("18446744073709551615")),
        format!("later={}", text("said later")),
    ];
    assert_eq!(attributes(first), expected);
    assert_eq!(
        (&*second.name, &second.span_kind, &second.status),
        ("second", &SpanKind::Internal, &Status::Ok)
    );
    assert_eq!(attributes(second), [format!("text={}", text("another"))]);
    assert!(first.start_time <= first.end_time && !first.parent_span_is_remote);
    assert_ne!(first.span_context.trace_id(), second.span_context.trace_id());
}

#[test]
fn an_error_stays_one_and_keeps_its_description() {
    let status = |fields: &[(&'static str, &str)]| {
        let spans = ended(|| {
            let span = info_span!("a", otel.status_code = Empty, otel.status_description = Empty);
            for (field, value) in fields {
                span.record(*field, *value);
            }
        });
        spans[0].status.clone()
    };
    let (code, description) = ("otel.status_code", "otel.status_description");
    assert_eq!(status(&[]), Status::Unset);
    assert_eq!(status(&[(code, "ERROR")]), Status::error(""));
    assert_eq!(status(&[(code, "ERROR"), (description, "why")]), Status::error("why"));
    assert_eq!(status(&[(description, "why"), (code, "ERROR")]), Status::error("why"));
}

#[test]
fn a_child_is_of_the_span_that_it_is_made_in() {
    let spans = ended(|| {
        let outer = info_span!("outer").entered();
        let explicit = info_span!(parent: &outer, "explicit");
        let root = info_span!(parent: None, "root");
        drop((info_span!("inner"), explicit, root));
    });
    let of = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let outer = of("outer").span_context.clone();
    for child in ["inner", "explicit"] {
        assert_eq!(of(child).parent_span_id, outer.span_id(), "{child}");
        assert_eq!(of(child).span_context.trace_id(), outer.trace_id(), "{child}");
    }
    assert_eq!(of("root").parent_span_id, SpanId::INVALID);
    assert_ne!(of("root").span_context.trace_id(), outer.trace_id());
}

#[test]
fn a_parent_is_named_until_somebody_asked_for_the_ids() {
    let spans = ended(|| {
        let span = info_span!("adopted");
        assert!(set_parent(&span, caller(TraceFlags::SAMPLED)));
        let own = context(&span).unwrap();
        assert_eq!((own.trace_id(), own.is_remote()), (TraceId::from(7), false));
        assert!(!set_parent(&span, caller(TraceFlags::SAMPLED)));
        add_link(&span, caller(TraceFlags::SAMPLED));
        // What is nobody's span has no ids.
        assert!(context(&Span::none()).is_none() && !set_parent(&Span::none(), own));
    });
    assert_eq!((spans[0].parent_span_id, spans[0].parent_span_is_remote), (SpanId::from(9), true));
    assert_eq!(spans[0].links.links[0].span_context.trace_id(), TraceId::from(7));
}

#[test]
fn what_is_not_sampled_has_ids_and_is_not_sent() {
    let ratio = || Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.0)));
    let spans = ended_with(ratio(), || {
        let span = info_span!("none").entered();
        let own = dispatcher::get_default(entered).unwrap();
        assert!(own.is_valid() && !own.is_sampled());
        let child = info_span!("none either");
        assert_eq!(context(&child).unwrap().trace_id(), own.trace_id());
        drop(span);
    });
    assert_eq!(spans, []);
    // A caller who is recorded: so is this.
    let spans = ended_with(ratio(), || {
        let span = info_span!("adopted");
        set_parent(&span, caller(TraceFlags::SAMPLED));
    });
    assert_eq!(spans.len(), 1);
}

#[test]
fn what_went_wrong_is_an_event_with_its_causes() {
    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    let spans = ended(|| {
        let _span = info_span!("a").entered();
        warn!(count = 3, "odd");
        debug!("not looked at here: the layer has a filter in front");
        error!(error = &Outer(io::Error::other("inner")) as &dyn std::error::Error, "wrong");
    });
    let events = &spans[0].events.events;
    let names: Vec<_> = events.iter().map(|event| &*event.name).collect();
    assert_eq!((names[0], names[2]), ("odd", "wrong"));
    let of = |event: &Event, key: &str| {
        let found = event.attributes.iter().find(|attribute| attribute.key.as_str() == key);
        found.map(|attribute| attribute.value.to_string())
    };
    assert_eq!(of(&events[0], "count").as_deref(), Some("3"));
    assert_eq!(of(&events[0], "level").as_deref(), Some("WARN"));
    assert_eq!(of(&events[2], "error").as_deref(), Some("outer"));
    assert_eq!(of(&events[2], "error.chain").as_deref(), Some("[\"inner\"]"));
    assert_eq!(of(&events[2], "exception.message").as_deref(), Some("outer"));
    assert_eq!(spans[0].status, Status::error(""));
}

#[test]
fn events_and_links_have_a_bound() {
    let spans = ended(|| {
        let span = info_span!("a").entered();
        for _ in 0..130 {
            warn!("again");
            add_link(&span, caller(TraceFlags::SAMPLED));
        }
    });
    let SpanData { events, links, .. } = &spans[0];
    assert_eq!((events.events.len(), events.dropped_count), (128, 2));
    assert_eq!((links.links.len(), links.dropped_count), (128, 2));
}
