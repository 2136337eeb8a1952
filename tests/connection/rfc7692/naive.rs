//! An inflater that is slow and obviously right, and says how far back it had to look.

/// What a whole message inflates to behind `history`, and the longest distance in it.
pub(crate) fn inflate(payload: &[u8], history: &[u8]) -> (Vec<u8>, usize) {
    let data = [payload, &[0, 0, 0xff, 0xff]].concat();
    let mut reader = Reader { data: &data, at: 0 };
    let mut out = history.to_vec();
    let mut farthest = 0;
    while reader.at < data.len() * 8 {
        let _last = reader.number(1);
        match reader.number(2) {
            0 => {
                reader.at = reader.at.next_multiple_of(8);
                let len = reader.number(16);
                assert_eq!(reader.number(16), len ^ 0xffff);
                out.extend((0..len).map(|_| reader.number(8) as u8));
            }
            1 => {
                let lengths: Vec<u8> = [(144, 8), (112, 9), (24, 7), (8, 8)]
                    .into_iter()
                    .flat_map(|(count, length)| vec![length; count])
                    .collect();
                block(&mut reader, &lengths, &[5; 30], &mut out, &mut farthest);
            }
            2 => {
                let (literals, distances) = tables(&mut reader);
                block(&mut reader, &literals, &distances, &mut out, &mut farthest);
            }
            _ => panic!("a reserved block type"),
        }
    }
    (out.split_off(history.len()), farthest)
}

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn number(&mut self, count: usize) -> usize {
        let bit = |at: usize| usize::from(self.data[at / 8] >> (at % 8) & 1);
        let value = (0..count).fold(0, |value, bit_at| value | bit(self.at + bit_at) << bit_at);
        self.at += count;
        value
    }

    /// The symbol whose code comes next.
    fn symbol(&mut self, code: &Code) -> usize {
        let (mut bits, mut first) = (0, 0);
        for symbols in &code.0[1..] {
            bits = bits << 1 | self.number(1);
            if bits < first + symbols.len() {
                return symbols[bits - first];
            }
            first = (first + symbols.len()) << 1;
        }
        panic!("no such code");
    }
}

/// A Huffman code: its symbols by length (RFC 1951 section 3.2.2).
struct Code([Vec<usize>; 16]);

impl Code {
    fn new(lengths: &[u8]) -> Self {
        let mut symbols: [Vec<usize>; 16] = Default::default();
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            symbols[usize::from(*length)].push(symbol);
        }
        Self(symbols)
    }
}

fn tables(reader: &mut Reader<'_>) -> (Vec<u8>, Vec<u8>) {
    const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
    let literals = reader.number(5) + 257;
    let distances = reader.number(5) + 1;
    let count = reader.number(4) + 4;
    let mut codes = [0; 19];
    for at in &ORDER[..count] {
        codes[*at] = reader.number(3) as u8;
    }
    let codes = Code::new(&codes);
    let mut lengths = Vec::new();
    while lengths.len() < literals + distances {
        let (length, times) = match reader.symbol(&codes) {
            16 => (*lengths.last().unwrap(), 3 + reader.number(2)),
            17 => (0, 3 + reader.number(3)),
            18 => (0, 11 + reader.number(7)),
            length => (length as u8, 1),
        };
        lengths.extend(vec![length; times]);
    }
    let distances = lengths.split_off(literals);
    (lengths, distances)
}

fn block(
    reader: &mut Reader<'_>,
    literals: &[u8],
    distances: &[u8],
    out: &mut Vec<u8>,
    farthest: &mut usize,
) {
    const LENGTHS: [usize; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
        131, 163, 195, 227, 258,
    ];
    let (literals, distances) = (Code::new(literals), Code::new(distances));
    loop {
        match reader.symbol(&literals) {
            byte @ 0..=255 => out.push(byte as u8),
            256 => return,
            symbol => {
                let at = symbol - 257;
                let extra = if at < 8 || at == 28 { 0 } else { at / 4 - 1 };
                let length = LENGTHS[at] + reader.number(extra);
                let at = reader.symbol(&distances);
                let extra = (at / 2).saturating_sub(1);
                let base = if at < 4 { at + 1 } else { ((2 + at % 2) << extra) + 1 };
                let distance = base + reader.number(extra);
                *farthest = distance.max(*farthest);
                for _ in 0..length {
                    out.push(out[out.len() - distance]);
                }
            }
        }
    }
}
