//! RFC 7692, section by section: each rule next to the wire that proves it.

#![cfg(feature = "deflate")]
#![allow(clippy::type_complexity, reason = "tables of cases are spelled out where they stand")]

mod bits;
mod ends;
mod naive;
mod properties;
mod section_5;
mod section_6;
mod section_7_1;
mod section_7_2_1;
mod section_7_2_2;
mod section_7_2_3;
mod windows;
