//! What ties together all that a request causes: in the log its id, and the
//! trace that it belongs to.

use http::request::Parts;
use http::{Method, StatusCode};
use tracing::{Instrument, Span};

use super::request_id::RequestId;
use super::trace_context::{Hex, TraceContext};

/// Around everything that is done for a request.
pub(super) struct Trace {
    /// Where it stands in its trace, if it has one.
    pub(super) context: Option<TraceContext>,
    /// In the lines that are written meanwhile.
    pub(super) span: Span,
    /// The request as the export of traces sees it.
    #[cfg(feature = "otlp")]
    exported: crate::otlp::RequestSpan,
}

impl Trace {
    /// A caller's trace is gone on with; one is begun for other requests if all
    /// are to have one.
    pub(super) fn begin(parts: &Parts, always: bool, id: &RequestId) -> Self {
        let caller = TraceContext::of(&parts.headers);
        let own = || match caller {
            Some(caller) => Some(caller.child()),
            None => always.then(TraceContext::begin),
        };
        #[cfg(feature = "otlp")]
        {
            let exported = crate::otlp::RequestSpan::begin(&parts.method, caller, id.as_str());
            let context = exported.context().or_else(own);
            Self { context, span: span(id, context), exported }
        }
        #[cfg(not(feature = "otlp"))]
        {
            let context = own();
            Self { context, span: span(id, context) }
        }
    }

    /// Does the work of the request.
    pub(super) async fn around<T>(&self, work: impl Future<Output = T>) -> T {
        let work = work.instrument(self.span.clone());
        #[cfg(feature = "otlp")]
        let work = work.instrument(self.exported.span());
        work.await
    }

    /// What came of it.
    pub(super) fn end(&self, method: &Method, route: &str, status: StatusCode) {
        #[cfg(feature = "otlp")]
        self.exported.end(method, route, status);
        #[cfg(not(feature = "otlp"))]
        let _nobody_asks = (method, route, status);
    }
}

/// At the level of errors, so that it is around whatever is logged at all.
fn span(id: &RequestId, context: Option<TraceContext>) -> Span {
    let trace = context.map(TraceContext::trace_id);
    tracing::error_span!("request", id = id.as_str(), trace = trace.as_ref().map(Hex::as_str))
}
