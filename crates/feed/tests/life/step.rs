//! What may happen in a life.

/// Something that happens to the publisher, a source or the mirror. Sources 0 and 1 are copies, the
/// third is the publisher's own folder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// The publisher adds and removes a few addresses.
    Publish(u32),
    /// The publisher is killed in the middle of that, and tries again.
    PublishKilled(u32),
    Heartbeat,
    /// The offline key removes all online keys and puts the next in their place.
    Rotate,
    /// The online key announces the next.
    Announce,
    /// The key that was announced signs from now on, whether mirrors trust it already or not.
    TakeOver,
    /// A week goes by, with a heartbeat on each day.
    Week,
    /// The zone is given up, by the offline key or by the online key alone; new content takes that
    /// back.
    Retire(bool),
    /// A copy becomes like the publisher's folder.
    Copy(usize),
    /// A copy disappears.
    Drop(usize),
    /// A byte of a copy's pointer (0), manifest (1), or of all its data (2) is turned over.
    Tamper(usize, u8),
    /// Hours go by.
    Wait(u64),
    /// More time than a pointer holds.
    Expire,
    /// The publisher loses what it remembers.
    Forget,
    /// The publisher's folder comes back from a backup; it begins a new session, or does not know.
    Restore(bool),
    /// The mirror runs.
    Mirror,
    /// The mirror is killed after so many microseconds, then runs.
    MirrorKilled(u64),
    /// The mirror loses what it remembers of the zone.
    MirrorForgets,
    /// The mirror loses everything.
    MirrorLost,
    /// A byte of the mirror's image is turned over.
    ImageDamaged,
    /// Not random: the mirror gets an image that nobody published, and what is served is compared.
    Lie,
    Check,
}

impl Step {
    pub(crate) fn random(random: &mut fastrand::Rng) -> Step {
        match random.u8(..48) {
            0..8 => Step::Publish(random.u32(..)),
            8..9 => Step::PublishKilled(random.u32(..)),
            9..11 => Step::Heartbeat,
            11 => Step::Rotate,
            12..17 => Step::Copy(random.usize(..2)),
            17 => Step::Drop(random.usize(..2)),
            18..21 => Step::Tamper(random.usize(..2), random.u8(..3)),
            21..23 => Step::Wait(random.u64(1..6)),
            23 => Step::Expire,
            24 => Step::Forget,
            25 => Step::Restore(random.bool()),
            26..29 => Step::MirrorKilled(random.u64(..20_000)),
            29 => Step::MirrorForgets,
            30 => Step::MirrorLost,
            31 => Step::ImageDamaged,
            32..34 => Step::Announce,
            34..36 => Step::TakeOver,
            36..38 => Step::Week,
            38 => Step::Retire(random.bool()),
            _ => Step::Mirror,
        }
    }
}
