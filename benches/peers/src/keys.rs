//! Masking keys of the limits: from ChaCha20, some at once.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};

pub struct Keys {
    cipher: ChaCha20,
    block: [u8; 1024],
    at: usize,
}

impl Keys {
    pub fn new() -> Self {
        let cipher = ChaCha20::new(&[7; 32].into(), &[0; 12].into());
        Self { cipher, block: [0; 1024], at: 1024 }
    }

    #[inline]
    pub fn next(&mut self) -> [u8; 4] {
        if self.at == self.block.len() {
            self.block = [0; 1024];
            self.cipher.apply_keystream(&mut self.block);
            self.at = 0;
        }
        let key = self.block[self.at..self.at + 4].try_into().expect("four bytes");
        self.at += 4;
        key
    }
}
