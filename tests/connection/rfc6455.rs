//! RFC 6455, section by section: each rule next to the wire that proves it.

#![allow(clippy::type_complexity, reason = "tables of cases are spelled out where they stand")]

mod failing;
mod pieces;
mod section_10;
mod section_4_1;
mod section_4_2;
mod section_5_1;
mod section_5_2;
mod section_5_3;
mod section_5_4;
mod section_5_5;
mod section_5_6;
mod section_5_7;
mod section_6;
mod section_7_1;
mod section_7_4;
mod section_8;
mod section_9_1;
