//! What is recorded of a trace that somebody outside began: what our own settings say.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SamplingResult, ShouldSample};

/// A sampler that a caller cannot choose for: neither by the `sampled` flag, nor by a trace id that falls into the ratio.
#[derive(Clone, Debug)]
pub(crate) struct OwnRatio(Box<dyn ShouldSample>);

impl OwnRatio {
    pub(crate) fn of(own: Box<dyn ShouldSample>) -> Box<dyn ShouldSample> {
        Box::new(Self(own))
    }
}

impl ShouldSample for OwnRatio {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let is_remote = parent.is_some_and(|parent| parent.span().span_context().is_remote());
        let (parent, trace_id) =
            if is_remote { (None, RandomIdGenerator::default().new_trace_id()) } else { (parent, trace_id) };
        self.0.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};
    use opentelemetry_sdk::trace::{Sampler, SamplingDecision};

    use super::*;

    fn recorded(own: Sampler, flags: TraceFlags, is_remote: bool) -> usize {
        let sampler = OwnRatio::of(Box::new(own));
        // Of the smallest id a ratio of anything takes it.
        let id = TraceId::from(1);
        let caller = SpanContext::new(id, SpanId::from(1), flags, is_remote, TraceState::NONE);
        let parent = Context::new().with_remote_span_context(caller);
        let decide = || sampler.should_sample(Some(&parent), id, "x", &SpanKind::Server, &[], &[]).decision;
        (0..1000).filter(|_| decide() == SamplingDecision::RecordAndSample).count()
    }

    #[test]
    fn nobody_outside_chooses_what_is_recorded() {
        let ratio = || Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.1)));
        for flags in [TraceFlags::SAMPLED, TraceFlags::NOT_SAMPLED] {
            let part = recorded(ratio(), flags, true);
            assert!((30..300).contains(&part), "{flags:?}: {part} of 1000");
        }
        let always = || Sampler::ParentBased(Box::new(Sampler::AlwaysOn));
        assert_eq!(recorded(always(), TraceFlags::NOT_SAMPLED, true), 1000);
        // Inside a trace of ours all of it is recorded, or nothing.
        assert_eq!(recorded(ratio(), TraceFlags::SAMPLED, false), 1000);
        assert_eq!(recorded(ratio(), TraceFlags::NOT_SAMPLED, false), 0);
    }
}
