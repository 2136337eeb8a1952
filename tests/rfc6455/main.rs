//! RFC 6455, section by section: each rule next to the wire that proves it.

mod pieces;
mod section_4_1;
mod section_4_2;
mod section_9_1;
