//! MessagePack for tests, written apart from the crate's own so that neither hides an error of the other.

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    Nil,
    Bool(bool),
    Int(i128),
    Text(String),
    List(Vec<Value>),
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Value {
        Value::Int(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Int(number.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Value {
        Value::List(values)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Nil, Into::into)
    }
}

/// A list of values of any kind.
macro_rules! list {
    ($($value:expr),* $(,)?) => { $crate::common::bytes::Value::List(vec![$($value.into()),*]) };
}

impl Value {
    pub fn int(&self) -> i128 {
        match self {
            Value::Int(number) => *number,
            other => panic!("an integer is expected, not {other:?}"),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Value::Text(text) => text,
            other => panic!("a text is expected, not {other:?}"),
        }
    }

    pub fn list(&self) -> &[Value] {
        match self {
            Value::List(values) => values,
            other => panic!("a list is expected, not {other:?}"),
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append(&mut bytes);
        bytes
    }

    fn append(&self, to: &mut Vec<u8>) {
        match self {
            Value::Nil => to.push(0xc0),
            Value::Bool(value) => to.push(if *value { 0xc3 } else { 0xc2 }),
            Value::Int(number) => append_int(*number, to),
            Value::Text(text) => {
                append_length(text.len(), (0xa0, 31), [0xd9, 0xda, 0xdb], to);
                to.extend_from_slice(text.as_bytes());
            }
            Value::List(values) => {
                append_length(values.len(), (0x90, 15), [0, 0xdc, 0xdd], to);
                for value in values {
                    value.append(to);
                }
            }
        }
    }

    pub fn decode(bytes: &[u8]) -> Value {
        let mut rest = bytes;
        let value = take(&mut rest);
        assert!(rest.is_empty(), "one value and nothing more");
        value
    }
}

fn append_int(number: i128, to: &mut Vec<u8>) {
    let all = number.to_be_bytes();
    match number {
        -32..=0x7f => to.push(all[15]),
        0x80..=0xff => to.extend([0xcc, all[15]]),
        0x100..=0xffff => to.extend([&[0xcd], &all[14..]].concat()),
        0x1_0000..=0xffff_ffff => to.extend([&[0xce], &all[12..]].concat()),
        0x1_0000_0000..=0xffff_ffff_ffff_ffff => to.extend([&[0xcf], &all[8..]].concat()),
        _ => panic!("tests give no such integer: {number}"),
    }
}

fn append_length(length: usize, (short, most): (u8, usize), long: [u8; 3], to: &mut Vec<u8>) {
    let all = length.to_be_bytes();
    if length <= most {
        to.push(short | all[7]);
    } else if length <= 0xff && long[0] != 0 {
        to.extend([long[0], all[7]]);
    } else if length <= 0xffff {
        to.extend([long[1], all[6], all[7]]);
    } else {
        to.extend([long[2], all[4], all[5], all[6], all[7]]);
    }
}

fn take(rest: &mut &[u8]) -> Value {
    let first = take_bytes(rest, 1)[0];
    match first {
        0x00..=0x7f => Value::Int(first.into()),
        0xe0..=0xff => Value::Int(i128::from(first) - 256),
        0xc0 => Value::Nil,
        0xc2 => Value::Bool(false),
        0xc3 => Value::Bool(true),
        0xcc..=0xcf => Value::Int(take_number(rest, 1 << (first - 0xcc)).into()),
        0xd0..=0xd3 => {
            let length = 1_u32 << (first - 0xd0);
            let number = i128::from(take_number(rest, length as usize));
            Value::Int(number - (1_i128 << (8 * length)))
        }
        0xa0..=0xbf => take_text(rest, usize::from(first & 0x1f)),
        0xd9 => {
            let length = take_length(rest, 1);
            take_text(rest, length)
        }
        0x90..=0x9f => take_list(rest, usize::from(first & 0x0f)),
        0xdc | 0xdd => {
            let length = take_length(rest, if first == 0xdc { 2 } else { 4 });
            take_list(rest, length)
        }
        _ => panic!("no form of the market begins with {first:#x}"),
    }
}

fn take_bytes<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(length);
    *rest = left;
    taken
}

fn take_number(rest: &mut &[u8], length: usize) -> u64 {
    take_bytes(rest, length).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn take_length(rest: &mut &[u8], length: usize) -> usize {
    usize::try_from(take_number(rest, length)).expect("a length fits")
}

fn take_text(rest: &mut &[u8], length: usize) -> Value {
    let text = std::str::from_utf8(take_bytes(rest, length)).expect("text is UTF-8");
    Value::Text(text.to_owned())
}

fn take_list(rest: &mut &[u8], length: usize) -> Value {
    Value::List((0..length).map(|_| take(rest)).collect())
}
