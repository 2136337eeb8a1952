//! Each setting as a method that gives the value on, for those who write settings in one expression.

use core::time::Duration;

use super::{Config, Heartbeat, Limits, Timeouts};
#[cfg(feature = "deflate")]
use crate::deflate::Compression;

/// A method of the same name for each of these fields.
macro_rules! setters {
    ($type:ident { $($(#[$attribute:meta])* $field:ident: $value:ty,)* }) => {
        impl $type {$(
            $(#[$attribute])*
            #[doc = concat!("Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").")]
            #[must_use]
            pub fn $field(self, $field: $value) -> Self {
                Self { $field: $field.into(), ..self }
            }
        )*}
    };
}

setters! {
    Config {
        limits: Limits,
        timeouts: Timeouts,
        heartbeat: impl Into<Option<Heartbeat>>,
        fragment_size: impl Into<Option<usize>>,
        #[cfg(feature = "deflate")]
        compression: impl Into<Option<Compression>>,
    }
}

setters! {
    Limits {
        head: usize,
        headers: usize,
        header_line: usize,
        frame: u64,
        message: u64,
        fragments: u32,
        empty_fragments: u32,
        pending_output: usize,
        linger: u64,
    }
}

setters! {
    Timeouts {
        handshake: Duration,
        close: Duration,
        linger: Duration,
        idle: impl Into<Option<Duration>>,
        write_stall: impl Into<Option<Duration>>,
        write_drain: impl Into<Option<Duration>>,
        message: impl Into<Option<Duration>>,
    }
}

impl Heartbeat {
    /// A heartbeat with this [`interval`](Self#structfield.interval) and this
    /// [`timeout`](Self#structfield.timeout).
    #[must_use]
    pub const fn new(interval: Duration, timeout: Duration) -> Self {
        Self { interval, timeout }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_the_field_of_its_name() {
        let second = Duration::from_secs(1);
        let config = Config::default()
            .limits(Limits::default().message(1).frame(2).head(3).pending_output(4))
            .timeouts(Timeouts::default().idle(second).write_stall(None).close(second))
            .heartbeat(Heartbeat::new(second, second * 2))
            .fragment_size(None);
        let limits = &config.limits;
        let numbers = (limits.message, limits.frame, limits.head, limits.pending_output);
        assert_eq!(numbers, (1, 2, 3, 4));
        let timeouts = &config.timeouts;
        let times = (timeouts.idle, timeouts.write_stall, timeouts.close);
        assert_eq!(times, (Some(second), None, second));
        let heartbeat = config.heartbeat.as_ref().expect("it was set");
        assert_eq!((heartbeat.interval, heartbeat.timeout), (second, second * 2));
        assert_eq!(config.fragment_size, None);
        assert_eq!(config.heartbeat(None).heartbeat, None);
    }
}
