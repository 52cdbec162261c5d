// Ordinary Authors, a thousand days of each kind: none is held once. And thieves who take their time: measured.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DAY, HOUR, Life } from './testing.ts'

const DAYS = 1000

/** One day of somebody: what is sent in an hour of it. */
type Habit = (life: Life, at: { day: number; hour: number; isWorkday: boolean }) => Promise<void>

/** Somebody whom he knows, out of so many. */
const friend = (life: Life, of: number) => `friend${life.random.integer(of)}@people.test`
let met = 0
const somebodyNew = () => `new${met++}@elsewhere${met % 50}.test`

/** Of what goes to new people, one in thirty is refused. */
async function writeToNew(life: Life, to: readonly string[], text?: string): Promise<void> {
  await life.send(to, text === undefined ? {} : { text })
  for (const _ of to) if (life.random.float() < 1 / 30) life.refused(1)
}

const light: Habit = async (life, { day, hour }) => {
  if (hour < 8 || hour > 22) return
  for (let n = life.poisson(0.3); n > 0; n--)
    if (life.random.float() < 0.06) await writeToNew(life, [somebodyNew()])
    else await life.send([friend(life, 60)])
  // An invitation, once a month.
  if (day % 30 === 12 && hour === 20)
    await writeToNew(life, [
      ...Array.from({ length: 12 }, () => friend(life, 60)),
      ...Array.from({ length: 6 }, somebodyNew),
    ])
}

const heavy: Habit = async (life, { day, hour, isWorkday }) => {
  if (!isWorkday || hour < 8 || hour > 18) return
  for (let n = life.poisson(9); n > 0; n--)
    if (life.random.float() < 0.06) await writeToNew(life, [somebodyNew()])
    else await life.send(Array.from({ length: 1 + life.random.integer(3) }, () => friend(life, 400)))
  // All of a project, and each quarter partners of whom some are new.
  if (day % 7 === 3 && hour === 10) await life.send(Array.from({ length: 40 }, () => friend(life, 400)))
  if (day % 90 === 31 && hour === 14)
    await writeToNew(life, [
      ...Array.from({ length: 30 }, () => friend(life, 400)),
      ...Array.from({ length: 15 }, somebodyNew),
    ])
}

/** A club: two hundred members who stand among the contacts, and a few more each month. */
function newsletter(): Habit {
  const members: string[] = []
  const joins = (life: Life) => {
    members.push(`member${members.length}@club${members.length % 20}.test`)
    life.addContact(members.at(-1)!)
  }
  return async (life, at) => {
    while (members.length < 200) joins(life)
    if (at.day % 7 === 2 && at.hour === 12) joins(life)
    await light(life, at)
    if (at.day % 30 !== 20 || at.hour !== 18) return
    await life.send(members, { text: life.words(200) })
    life.refused(life.poisson(5))
    if (life.random.float() < 0.3) life.complained(1)
  }
}

/** Twice a year an invitation to all of an old address book, in which many are gone. */
const inviter: Habit = async (life, at) => {
  await light(life, at)
  if (at.day % 180 !== 33 || at.hour !== 11) return
  await life.send(Array.from({ length: 40 }, (_, n) => `friend${n}@people.test`))
  life.refused(12)
}

/** A new task with new people, five times in the thousand days; the first with the account itself. */
const assistant: Habit = async (life, { day, hour, isWorkday }) => {
  if (!isWorkday || hour < 8 || hour > 17) return
  const since = day % 200
  if (since === 0 && hour === 9) await writeToNew(life, Array.from({ length: 25 }, somebodyNew), life.words(80))
  const perHour = since < 10 ? 1.6 - since / 10 : 0.3
  for (let n = life.poisson(perHour); n > 0; n--) await writeToNew(life, [somebodyNew()])
  for (let n = life.poisson(3); n > 0; n--) await life.send([friend(life, 150)])
}

/** Answers who wrote first, all day, and writes to a few of itself. */
const desk: Habit = async (life, { hour, isWorkday }) => {
  const perHour = hour < 7 || hour > 19 ? 0 : isWorkday ? 22 : 6
  for (let n = life.poisson(perHour); n > 0; n--)
    if (life.random.float() < 0.04) await writeToNew(life, [somebodyNew()])
    else {
      const customer = somebodyNew()
      await life.send([customer], { answers: customer, text: `${life.words(15)} ${GREETING}` })
    }
}
const GREETING = 'Thank you for your question. We are glad to help. Please tell us whether this solves it for you.'

async function live(life: Life, habit: Habit, days: number): Promise<void> {
  const beganMs = life.nowMs
  life.signIn('192.0.2.1')
  for (let day = 0; day < days; day++) {
    // At home; and now and then from where he never was.
    if (day % 20 === 7) life.signIn(`198.51.${day % 250}.7`)
    const isWorkday = day % 7 < 5
    for (let hour = 0; hour < 24; hour++) {
      life.nowMs = beganMs + day * DAY + hour * HOUR + life.random.integer(HOUR)
      await habit(life, { day, hour, isWorkday })
    }
  }
}

const KINDS: Readonly<Record<string, () => Habit>> = {
  'a light writer': () => light,
  'a heavy writer': () => heavy,
  'a newsletter to 200 members once a month': newsletter,
  'an assistant with new people': () => assistant,
  'who invites from an old address book': () => inviter,
  'a support desk': () => desk,
}

describe('ordinary Authors are not held once in a thousand days', () => {
  for (const [name, habit] of Object.entries(KINDS))
    for (const seed of name === 'a support desk' ? [1] : [1, 2])
      test(`${name}, seed ${seed}`, async () => {
        const life = new Life(`${name} ${seed}`)
        for (let n = 0; n < 400; n++) life.addContact(`friend${n}@people.test`)
        await live(life, habit(), DAYS)
        const { now, slowly, held, refused } = life.fates
        console.log(
          `# ${name}: ${now} now, ${slowly} slowly on ${life.slowDays.size} days, ${held} held, ${refused} refused`,
        )
        assert.equal(life.badDays.size, 0)
      })
})

describe('a thief who takes his time is limited', () => {
  // Every text is another, one in ten addresses is dead, one reader in a hundred complains.
  const slow = async (perDay: number): Promise<{ left: number; heldOnDay: number | undefined }> => {
    const life = new Life(`thief of ${perDay}`)
    const beganMs = life.nowMs
    let left = 0
    let heldOnDay: number | undefined
    let sent = 0
    life.signIn('192.0.2.1')
    for (let day = 0; sent < 10_000 && day < 100; day++) {
      life.signIn('198.51.100.66')
      for (let hour = 0; hour < 24; hour++) {
        life.nowMs = beganMs + day * DAY + hour * HOUR + life.random.integer(HOUR)
        for (let n = Math.floor((perDay * (hour + 1)) / 24) - Math.floor((perDay * hour) / 24); n > 0; n--) {
          const before = life.fates.now + life.fates.slowly
          await life.send([`victim${sent++}@elsewhere.test`])
          if (life.fates.now + life.fates.slowly === before) continue
          left++
          if (life.random.float() < 0.1) life.refused(1)
          if (life.random.float() < 0.01) life.complained(1)
        }
      }
      if (life.rung === 'hold' || life.rung === 'suspend') heldOnDay ??= day + 1
    }
    return { left, heldOnDay }
  }
  for (const [perDay, most] of [
    [10_000, 100],
    [1000, 100],
    [200, 100],
    [100, 100],
    [50, 160],
    [25, 160],
    [10, 160],
  ] as const)
    test(`${perDay} a day: at most ${most} leave in a hundred days`, async () => {
      const { left, heldOnDay } = await slow(perDay)
      console.log(`# ${perDay} a day: ${left} left, held on day ${heldOnDay ?? 'never'}`)
      assert.ok(left <= most, `${left} left`)
    })
})
