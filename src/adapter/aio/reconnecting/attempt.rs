//! What there is without a connection: waits, requests that are being made, and attempts.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep, sleep_until};

use super::{Reconnecting, Stage};
use crate::adapter::aio::turn::poll_budget;
use crate::adapter::reconnecting::{ReconnectEvent, Step, Try};
use crate::reconnect::Attempt;
use crate::time::Timestamp;

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Reconnecting<S> {
    pub(super) fn poll_between(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent>> {
        match self.plan.step(self.clock.now()) {
            Step::Attempt(attempt) => {
                self.stage = Stage::Announced(attempt);
                Poll::Ready(Some(ReconnectEvent::Attempt(attempt)))
            }
            Step::GaveUp(reason) => poll_budget(cx).map(|()| Some(ReconnectEvent::GaveUp(reason))),
            Step::Wait(until) => {
                let Some(instant) = until.and_then(|at| self.clock.instant(at)) else {
                    return Poll::Pending;
                };
                let Stage::Between(timer) = &mut self.stage else { return Poll::Ready(None) };
                let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(instant)));
                if timer.deadline() != instant {
                    timer.as_mut().reset(instant);
                }
                timer.as_mut().poll(cx).map(|()| None)
            }
        }
    }

    pub(super) fn begin(&mut self, attempt: Attempt) {
        let began = self.clock.now();
        let deadline = Box::pin(sleep(self.plan.reconnect.config().connect_timeout));
        self.stage = match &mut self.renew {
            Some(renew) => {
                let request = renew(attempt, self.plan.request.clone());
                Stage::Requesting { request, began, deadline }
            }
            None => self.connecting(began, deadline),
        };
    }

    pub(super) fn poll_requesting(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent>> {
        let Stage::Requesting { request, began, deadline } = &mut self.stage else {
            return Poll::Ready(None);
        };
        let began = *began;
        let result = match request.as_mut().poll(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                ready!(deadline.as_mut().poll(cx));
                Err(io::Error::from(io::ErrorKind::TimedOut).into())
            }
        };
        let stage = core::mem::replace(&mut self.stage, Stage::Between(None));
        match (result, stage) {
            (Ok(request), Stage::Requesting { deadline, .. }) => {
                self.plan.request = Arc::new(request);
                self.stage = self.connecting(began, deadline);
                Poll::Ready(None)
            }
            (Ok(_), _) => Poll::Ready(None),
            (Err(error), _) => Poll::Ready(Some(self.plan.failed(error, self.clock.now()))),
        }
    }

    pub(super) fn connecting(&mut self, began: Timestamp, deadline: Pin<Box<Sleep>>) -> Stage<S> {
        let clock = self.clock;
        let (request, config) = (self.plan.request.clone(), self.plan.session_config());
        let limit = self.plan.reconnect.config().connect_timeout;
        let limit = limit.saturating_sub(clock.now().since(began));
        let attempt = (self.connect)(Try { request, config, clock, began, limit });
        Stage::Connecting { attempt, deadline }
    }

    pub(super) fn poll_connecting(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent>> {
        let Stage::Connecting { attempt, deadline } = &mut self.stage else {
            return Poll::Ready(None);
        };
        let result = match attempt.as_mut().poll(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => {
                ready!(deadline.as_mut().poll(cx));
                Err(io::Error::from(io::ErrorKind::TimedOut).into())
            }
        };
        let now = self.clock.now();
        Poll::Ready(match result {
            Ok(socket) => {
                let first = self.plan.opened(socket.response(), now);
                self.stage = Stage::Greeting(socket, first.into());
                None
            }
            Err(error) => {
                self.stage = Stage::Between(None);
                Some(self.plan.failed(error, now))
            }
        })
    }
}
