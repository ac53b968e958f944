//! Traces for a collector, over OTLP (feature `otlp`). The `OTEL_*` variables of
//! OpenTelemetry say where it is and what is sampled; without an endpoint nothing is
//! exported.

use std::env;
use std::sync::OnceLock;

use http::{Method, StatusCode};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::field::Empty;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

use crate::gateway::TraceContext;

/// The target of what is exported, here and in the core.
const TARGET: &str = "nexo::trace";
/// One of them says where to.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
/// The name of the program, where nobody has said another.
const SERVICE: &str = "nexo-server";

/// What exports, for as long as the process lives.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Whether this is for traces and not for the log.
pub(crate) fn is_for_traces(of: &Metadata<'_>) -> bool {
    of.target() == TARGET
}

/// What exports spans, if somebody said where to.
pub(crate) fn layer<S>() -> Option<impl Layer<S>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_off = env::var("OTEL_SDK_DISABLED").is_ok_and(|off| off.eq_ignore_ascii_case("true"));
    if is_off || !ENDPOINTS.iter().any(is_set) {
        return None;
    }
    let exporter = match SpanExporter::builder().with_http().build() {
        Ok(exporter) => exporter,
        Err(error) => {
            // There is no log yet.
            eprintln!("nexo-server: no traces are exported: {error}");
            return None;
        }
    };
    let mut resource = Resource::builder();
    if !is_set(&"OTEL_SERVICE_NAME") {
        resource = resource.with_service_name(SERVICE);
    }
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource.build())
        .build();
    let tracer = provider.tracer(SERVICE);
    PROVIDER.get_or_init(|| provider);
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
    Some(layer.with_filter(filter_fn(is_for_traces)))
}

/// Sends what is not sent yet.
pub(crate) fn finish() {
    if let Some(Err(error)) = PROVIDER.get().map(SdkTracerProvider::shutdown) {
        tracing::warn!(%error, "the last traces were not exported");
    }
}

/// A request that is being answered, as a span. Nothing where nothing is exported.
pub(crate) struct RequestSpan(Span);

impl RequestSpan {
    pub(crate) fn begin(method: &Method, caller: Option<TraceContext>, id: &str) -> Self {
        let span = tracing::info_span!(
            target: TARGET,
            parent: None,
            "request",
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method.as_str(),
            http.route = Empty,
            http.response.status_code = Empty,
            nexo.request_id = id,
        );
        if let (Some(caller), false) = (caller, span.is_disabled()) {
            let (trace, step, is_sampled) = caller.parts();
            let flags = if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
            let parent = SpanContext::new(
                TraceId::from_bytes(trace),
                SpanId::from_bytes(step),
                flags,
                true,
                TraceState::NONE,
            );
            let context = opentelemetry::Context::new().with_remote_span_context(parent);
            if let Err(error) = span.set_parent(context) {
                tracing::debug!(%error, "a request has no place in its caller's trace");
            }
        }
        Self(span)
    }

    /// Where it stands in its trace.
    pub(crate) fn context(&self) -> Option<TraceContext> {
        if self.0.is_disabled() {
            return None;
        }
        let context = self.0.context();
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| {
            TraceContext::new(
                span.trace_id().to_bytes(),
                span.span_id().to_bytes(),
                span.is_sampled(),
            )
        })
    }

    /// To be entered around the work: what is below a span is what begins within it.
    pub(crate) fn span(&self) -> Span {
        self.0.clone()
    }

    /// What came of it.
    pub(crate) fn end(&self, method: &Method, route: &str, status: StatusCode) {
        if self.0.is_disabled() {
            return;
        }
        // Not by a field: that names only a span whose place is not yet settled.
        self.0.context().span().update_name(format!("{method} {route}"));
        self.0.record("http.route", route);
        self.0.record("http.response.status_code", status.as_u16());
        if status.is_server_error() {
            self.0.record("otel.status_code", "ERROR");
        }
    }
}
