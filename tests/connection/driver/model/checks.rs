//! What has to hold: of each read, and of all that was received and sent once it is over.

use farewell::driver::{Shutdown, Step, Want};
use farewell::{Cause, Direction, Phase, SessionEvent, Termination};

use super::Model;
use crate::driver::script::{frames, messages};

impl Model {
    pub(super) fn check_read(&self) {
        assert!(!self.read_closed, "a read behind the end");
        assert!(self.driver.ended().is_none(), "a read behind the report");
        let waiting = self.delivered..self.script.whole(self.read.saturating_sub(self.prefix));
        let phase = self.driver.session().phase();
        assert!(!self.may_last || matches!(phase, Phase::Opening | Phase::Open), "{phase:?}");
        let due = self.due && !(self.may_last && self.want == Want::Event);
        if due || !matches!(phase, Phase::Open | Phase::CloseSent) || self.aborted {
            return;
        }
        if self.want == Want::Event {
            assert!(waiting.is_empty(), "a read while {waiting:?} wait");
        } else {
            let sizes = self.script.messages[waiting].iter().map(|message| message.payload.len());
            let ahead = sizes.map(|size| size + 64).sum::<usize>();
            let limit = self.driver.session().config().limits.pending_output;
            assert!(ahead == 0 || ahead < limit, "{ahead} bytes were read ahead of {limit}");
        }
    }

    pub(super) fn check_end(mut self) {
        let report = self.report.take().expect("it has ended");
        assert_eq!(self.driver.ended(), Some(&*report));
        let mut reports = 0;
        for want in [Want::Event; 80].into_iter().chain([Want::Flushed, Want::Room]) {
            match self.driver.next(want) {
                Step::Event(SessionEvent::Ended(again)) => {
                    assert_eq!(again, report);
                    reports += 1;
                }
                Step::Wait(wait) => {
                    assert!(wait.is_over(self.now));
                    self.driver.handle_timeout(self.now);
                }
                Step::Done if want != Want::Event => {}
                other => panic!("{other:?} behind the end"),
            }
        }
        assert!(reports >= 70, "{reports}");
        assert_eq!(self.shut_down.last(), Some(&Shutdown::Both));
        self.check_received(&report);
        self.check_sent(&report);
    }

    fn check_received(&self, report: &Termination) {
        let whole = self.script.whole(self.read.saturating_sub(self.prefix));
        assert!(self.delivered <= whole);
        let by_peer = matches!(
            report.cause,
            Cause::ClosingHandshake
                | Cause::Eof { .. }
                | Cause::Transport { direction: Direction::Read, .. }
        );
        let opened = report.evidence.phase != Phase::Opening;
        if by_peer && opened && !self.aborted {
            assert_eq!(self.delivered, whole, "messages are lost: {report}");
        }
    }

    fn check_sent(&self, report: &Termination) {
        let head = if self.shakes_hands {
            let at = self.written.windows(4).position(|window| window == b"\r\n\r\n");
            at.map_or(self.written.len(), |at| at + 4)
        } else {
            0
        };
        let frames = frames(self.role, &self.written[head..]);
        let sent = messages(&frames);
        assert!(sent.len() <= self.accepted.len());
        assert!(sent == self.accepted[..sent.len()], "{report}");
        let lost = (self.accepted.len() - sent.len()) as u64;
        assert_eq!(report.dropped.messages, lost, "{report}");
        if report.clean {
            assert_eq!(lost, 0, "{report}");
            assert!(frames.iter().any(|(first, _)| *first == 0x88), "{report}");
        }
    }
}
