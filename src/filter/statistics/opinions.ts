// Whose decisions count for whom. Each Recipient has a small classifier of their own, which learns what the system's gets
// wrong for them; the more they have taught, the less the system's word weighs. The system's is a jury of three, and
// every account sits in one of its chairs: what two of the three say is the system's word, so nobody alone, however much
// they teach, decides over other people's mail. While there are too few lessons of either kind there is no opinion.

import type { AccountId, LearnedState, Lesson } from '../../store/nouns/people.ts'
import { Classifier } from './classifier.ts'
import type { Features } from './features.ts'

/** What earlier decisions say of a message. */
export interface Opinion {
  /** Above zero: unwanted. */
  readonly logOdds: number
  /** Whose decisions say most of it. */
  readonly whose: 'own' | 'system'
  /** Lessons behind it, of the kind there are fewer of. */
  readonly lessons: number
}

const CHAIRS: readonly number[] = [0, -1, -2]
/** 4 MB of memory for each chair, half of that in the store. */
const SYSTEM_BITS = 19
/** A quarter of a megabyte of memory, half of that in the store. */
const OWN_BITS = 15
/** Lessons of each kind before a chair, or a Recipient whom no jury helps, has a say. */
const FEWEST_IN_CHAIR = 20
const FEWEST_OWN = 3
/** After so many of their own (of the kind they gave fewer of), the system's word weighs half. */
const HALF_SYSTEM = 50
/** Who insists makes larger log-odds; the jury hears without a margin. */
const JURY_SCALE = 1.75
/** What is only shown counts so much of what is told. */
const SHOWN = 0.5
/** Recipients' classifiers in memory; the others are read again when their mail comes. */
const MOST_IN_MEMORY = 64
const MOST_UNTAUGHT = 10_000

export class Opinions {
  readonly #read: (owner: number) => Uint8Array | undefined
  /** By owner: chairs 0, -1, -2 and accounts. Those used last come last. */
  readonly #classifiers = new Map<number, Classifier>()
  /** Who never taught anything: most people, and each of their messages would ask the store again. */
  readonly #untaught = new Set<number>()
  readonly #changed = new Set<number>()

  /** @param read the state that was saved for an owner */
  constructor(read: (owner: number) => Uint8Array | undefined) {
    this.#read = read
    // Their states are large: read now, not while a sender waits.
    for (const chair of CHAIRS) this.#find(chair)
  }

  /**
   * What this Recipient's decisions, and those of the others, say of a message; undefined while there are too few.
   * @param read reads the message, if that is needed
   */
  of(account: AccountId | undefined, read: () => Features): Opinion | undefined {
    const own = account === undefined ? undefined : this.#find(account)
    const ownLessons = own === undefined ? 0 : fewer(own)
    if (!this.#sits() && ownLessons < FEWEST_OWN) return undefined
    const features = read()
    const jury = this.#jury(features)
    const said = jury === undefined ? 0 : jury.logOdds * systemShare(ownLessons)
    const ownSaid = (jury === undefined ? own?.logOdds(features) : own?.evidence(features)) ?? 0
    return {
      logOdds: said + ownSaid,
      whose: Math.abs(ownSaid) > Math.abs(said) ? 'own' : 'system',
      lessons: Math.max(ownLessons, jury?.lessons ?? 0),
    }
  }

  /** One decision of one person. */
  learn({ account, isSpam, told }: Pick<Lesson, 'account' | 'isSpam' | 'told'>, features: Features): void {
    const own = this.#open(account, OWN_BITS)
    const jury = this.#jury(features)
    const given = jury === undefined ? 0 : jury.logOdds * systemShare(fewer(own))
    // Who says it outright expects it of the next such message.
    if (told) own.insist(features, isSpam, given)
    else own.learn(features, isSpam, { given, strength: SHOWN })
    this.#open(-(account % CHAIRS.length), SYSTEM_BITS).learn(features, isSpam, { strength: told ? 1 : SHOWN })
  }

  /** The states that changed since they were last taken. One at a time, for a large one takes tens of milliseconds. */
  *changedStates(): Generator<LearnedState> {
    for (const owner of this.#changed) yield { owner, state: this.#classifiers.get(owner)!.toBytes() }
  }

  /** What changed is saved. */
  saved(): void {
    this.#changed.clear()
    this.#trim()
  }

  /** Have two chairs seen enough? */
  #sits(): boolean {
    return CHAIRS.filter((chair) => this.#lessonsOf(chair) >= FEWEST_IN_CHAIR).length >= 2
  }

  /** An empty chair says nothing for or against; the one in the middle is what two of three say at least. */
  #jury(features: Features): { logOdds: number; lessons: number } | undefined {
    if (!this.#sits()) return undefined
    const said = CHAIRS.map((chair) =>
      this.#lessonsOf(chair) < FEWEST_IN_CHAIR ? 0 : this.#find(chair)!.logOdds(features),
    )
    const lessons = CHAIRS.map((chair) => this.#lessonsOf(chair))
    return { logOdds: JURY_SCALE * middleOf(said), lessons: middleOf(lessons) }
  }

  #lessonsOf(owner: number): number {
    const classifier = this.#find(owner)
    return classifier === undefined ? 0 : fewer(classifier)
  }

  #find(owner: number): Classifier | undefined {
    if (this.#untaught.has(owner)) return undefined
    const known = this.#classifiers.get(owner)
    if (known === undefined) return this.#load(owner)
    this.#classifiers.delete(owner)
    this.#classifiers.set(owner, known)
    return known
  }

  #load(owner: number): Classifier | undefined {
    const state = this.#read(owner)
    const classifier = state === undefined ? undefined : Classifier.fromBytes(Buffer.from(state))
    if (classifier === undefined) {
      if (this.#untaught.size >= MOST_UNTAUGHT) this.#untaught.clear()
      this.#untaught.add(owner)
    } else {
      this.#classifiers.set(owner, classifier)
      this.#trim()
    }
    return classifier
  }

  /** For teaching: an empty one where there was none. */
  #open(owner: number, bits: number): Classifier {
    const classifier = this.#find(owner) ?? new Classifier(bits)
    this.#untaught.delete(owner)
    this.#classifiers.set(owner, classifier)
    this.#changed.add(owner)
    return classifier
  }

  /** Keeps memory bounded: those used longest ago go, but not what is not saved yet. */
  #trim(): void {
    let over = this.#classifiers.size - CHAIRS.length - MOST_IN_MEMORY
    for (const owner of this.#classifiers.keys()) {
      if (over <= 0) return
      if (owner <= 0 || this.#changed.has(owner)) continue
      this.#classifiers.delete(owner)
      over--
    }
  }
}

const fewer = ({ spamSeen, hamSeen }: Classifier): number => Math.min(spamSeen, hamSeen)

const systemShare = (ownLessons: number): number => HALF_SYSTEM / (HALF_SYSTEM + ownLessons)

const middleOf = ([a, b, c]: readonly number[]): number => Math.max(Math.min(a!, b!), Math.min(Math.max(a!, b!), c!))
