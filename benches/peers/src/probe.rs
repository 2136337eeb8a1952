//! Whether those who read text look at it: nobody may hand out what is not UTF-8.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use crate::contender::Contender;
use crate::wire::Reading;
use crate::work::{Tally, Work};

/// Gives text with one byte that is none.
pub fn refuses_what_is_no_text(contender: &Contender, reading: &Reading) {
    let mut payload = reading.payload.to_vec();
    let middle = payload.len() / 2;
    payload[middle] = 0xff;
    let broken = Work::Read(Reading { payload: payload.leak(), ..*reading });
    let mut ready = contender.prepare(&broken).expect("it read text before");
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let done = catch_unwind(AssertUnwindSafe(|| ready.work(1, &mut Tally::default())));
    set_hook(hook);
    assert!(done.is_err(), "{} hands out what is no text", contender.name);
}
