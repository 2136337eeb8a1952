//! A subscriber that keeps every span and every event, to be counted.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// Names and values, as text.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// A span, with the events that were recorded in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) fields: Fields,
    pub(crate) events: Vec<(Level, Fields)>,
    /// How many handles to it there are.
    handles: i32,
}

impl Seen {
    pub(crate) fn is_closed(&self) -> bool {
        self.handles == 0
    }
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) spans: Vec<Seen>,
    /// Events in no span.
    pub(crate) strays: Vec<Fields>,
    /// Only levels up to this one are asked for.
    level: Option<Level>,
}

/// What was recorded while its dispatch was the default one. A clone shares it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collector(Arc<Mutex<Log>>);

impl Collector {
    /// One that wants nothing below this level.
    pub(crate) fn only(level: Level) -> Self {
        Self(Arc::new(Mutex::new(Log { level: Some(level), ..Log::default() })))
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does `work` with this as its thread's subscriber.
    pub(crate) fn collect<R>(&self, work: impl FnOnce() -> R) -> R {
        // Whether a span is wanted at all is remembered for the whole process, and may be asked
        // while no other collector is there.
        static STAND_IN: Once = Once::new();
        STAND_IN
            .call_once(|| drop(tracing::dispatcher::set_global_default(Dispatch::new(StandIn))));
        tracing::dispatcher::with_default(&Dispatch::new(self.clone()), work)
    }
}

/// Wants nothing now, and may later: keeps threads without a collector from deciding for all.
struct StandIn;

impl Subscriber for StandIn {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Log {
    fn span(&mut self, id: &Id) -> &mut Seen {
        &mut self.spans[id.into_u64() as usize - 1]
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let level = self.log().level;
        metadata.target() == "farewell" && level.is_none_or(|level| *metadata.level() <= level)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut seen = Seen { handles: 1, ..Seen::default() };
        attributes.record(&mut Visitor(&mut seen.fields));
        let mut log = self.log();
        log.spans.push(seen);
        Id::from_u64(log.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut Visitor(&mut self.log().span(span).fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Visitor(&mut fields));
        let mut log = self.log();
        match event.parent() {
            Some(parent) => log.span(parent).events.push((*event.metadata().level(), fields)),
            None => log.strays.push(fields),
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn clone_span(&self, id: &Id) -> Id {
        self.log().span(id).handles += 1;
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut log = self.log();
        let seen = log.span(&id);
        seen.handles -= 1;
        seen.is_closed()
    }
}

struct Visitor<'a>(&'a mut Fields);

impl Visit for Visitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
