//! Pass phrases for users of a demo: random ones, because a password that every
//! demo has would be everybody's.

use aws_lc_rs::rand;

use crate::error::{Error, Result};
use crate::model::ErrorCode;

/// 256 of them, so that a random byte is a word.
const WORDS: &str = "\
    acorn amber anchor apple april arrow aspen atlas autumn badge baker bamboo banjo barley \
    basil basket beacon beaver berry birch bison blanket bloom bonfire border bottle branch \
    brass bread bridge brook brush bucket button cabin cactus camel candle canoe canvas captain \
    carbon carpet carrot castle cedar cello chalk cherry chimney cinder circle citrus clay clock \
    clover coast cobalt comet compass copper coral cotton cradle crane crayon cricket crystal \
    curtain cypress daisy dancer delta desert diary dolphin donkey drum dune eagle easel echo \
    elbow elder ember engine falcon feather fennel fern ferry fiddle field flint flute fog \
    forest fossil fountain fox galaxy garden garlic garnet gazelle ginger glacier glove goblet \
    gravel guitar hammer harbor harvest hazel heron hickory honey horizon hornet iceberg indigo \
    island ivory jacket jasmine jigsaw juniper kayak kettle kitten ladder lagoon lantern lark \
    laurel lavender lemon lentil lily linen lizard lobster lotus magnet maple marble meadow \
    melon mesa meteor mill mint mirror mitten monsoon moose mosaic moss mustard nectar needle \
    nettle nickel nutmeg oak oasis oat ocean olive onion opal orbit orchard otter oyster paddle \
    panther paper parrot peach pearl pebble pecan pelican pepper piano pigeon pillow pine \
    pioneer planet plum pocket pollen pond poppy prairie puffin pumpkin quartz quill quilt \
    rabbit radish raft rain raven reef ribbon ridge river robin rocket rose saddle saffron sail \
    salmon sandal satchel seal shadow sherpa silver siren sketch skipper slate sleet snow spruce \
    squid stable starling stone storm sugar summit sunset swan table tango teapot temple thistle \
    thunder tiger timber tinder toast topaz trumpet tulip tunnel turnip";

/// A new pass phrase: six of 256 words, which are 48 random bits. Behind
/// argon2id and throttled log-ins that is out of reach of guesses.
///
/// # Errors
/// When the system gives no random numbers.
pub fn pass_phrase() -> Result<String> {
    let mut bytes = [0; 6];
    rand::fill(&mut bytes)
        .map_err(|_| Error::new(ErrorCode::Internal, "the system gives no random numbers"))?;
    let words: Vec<&str> = WORDS.split(' ').collect();
    Ok(bytes.map(|byte| words[usize::from(byte)]).join(" "))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_byte_is_a_word_of_its_own() {
        let words: HashSet<&str> = WORDS.split(' ').collect();
        assert_eq!(words.len(), 256);
        assert!(words.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
    }

    #[test]
    fn phrases_are_long_enough_and_never_the_same() {
        let (one, other) = (pass_phrase().expect("random"), pass_phrase().expect("random"));
        assert!(one.len() >= 15 && one.split(' ').count() == 6);
        assert_ne!(one, other);
    }
}
