// Look-alikes: the skeleton of a text is what the eye reads (in the manner of UTS #39 §4), from a small table of our
// own for the letters that stand in domain names. Two names with one skeleton look the same. Also scripts of a word.

/** Pairs of characters: what is written, what the eye takes it for. Cyrillic, Greek, Armenian, Latin extensions. */
const PAIRS =
  'аaвbсcԁdеeёeфφгrһhіiїiјjкkӏlмmнhоoрpԛqѕsтtуyѵvԝwхxһhꞓcззӡ3ьbъbоo' +
  'αaβbγyδdεeζzηnθoιiκkλλνvοoρpτtυuχxωwϲcϳjσoϵe' +
  'աwոnսuցgօoհhյjքpզqլlրn' +
  'ıiɩiɪiłlđdøoœoɑaɡgɢgʀrʙbʜhʟlɴnɯwƅbƒfŧtħhƙkɫlßbþpðdꜱsᴀaᴄcᴅdᴇeᴊjᴋkᴍmᴏoᴘpᴛtᴜuᴠvᴡwᴢz' +
  '0o1l3e5s!l|l'

const LOOKS_LIKE = new Map<string, string>()
for (let i = 0, all = [...PAIRS]; i + 1 < all.length; i += 2) LOOKS_LIKE.set(all[i]!, all[i + 1]!)

const known = new Map<string, string>()
const MAX_KNOWN = 5000

/** What the eye reads: accents and widths dropped, foreign look-alikes as Latin letters, `rn` as `m`, `vv` as `w`. */
export function skeleton(text: string): string {
  const kept = known.get(text)
  if (kept !== undefined) return kept
  const found = newSkeleton(text)
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(text, found)
  return found
}

function newSkeleton(text: string): string {
  let plain = text.slice(0, 300).toLowerCase()
  if (/[^\0-\x7f]/.test(plain)) plain = plain.normalize('NFKD').replace(/[\u0300-\u036f]/g, '')
  let out = ''
  for (const character of plain) out += LOOKS_LIKE.get(character) ?? character
  // i and l cannot be told apart in many typefaces; pairs that run together.
  return out.replace(/i/g, 'l').replace(/rn/g, 'm').replace(/vv/g, 'w').replace(/cl/g, 'd')
}

const SCRIPTS: readonly (readonly [name: string, from: number, to: number])[] = [
  ['Latin', 0x41, 0x5a],
  ['Latin', 0x61, 0x7a],
  ['Latin', 0xc0, 0x24f],
  ['Greek', 0x370, 0x3ff],
  ['Cyrillic', 0x400, 0x52f],
  ['Armenian', 0x530, 0x58f],
  ['Latin', 0x1d00, 0x1d7f],
  ['Latin', 0x1e00, 0x1eff],
  ['Greek', 0x1f00, 0x1fff],
]

function scriptOf(code: number): string | undefined {
  for (const [name, from, to] of SCRIPTS) if (code >= from && code <= to) return name
  return undefined
}

/** The first word that mixes Latin, Greek, Cyrillic or Armenian letters, or undefined. No honest word does. */
export function mixedScriptWord(text: string): string | undefined {
  if (!/[\u0370-\u058f\u1f00-\u1fff]/.test(text)) return undefined
  for (const [word] of text.matchAll(/[\p{L}]{3,60}/gu)) {
    let seen: string | undefined
    for (const character of word) {
      const script = scriptOf(character.codePointAt(0)!)
      if (script === undefined) continue
      // The micro sign and the ohm of units are honest; they are one letter before a Latin unit.
      if (seen !== undefined && script !== seen && word.length > 3) return word
      seen = script
    }
  }
  return undefined
}

/** True if one insertion, deletion, substitution or swap of neighbours makes `a` into `b`. Linear. */
export function oneEditApart(a: string, b: string): boolean {
  if (a === b || Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  let endA = a.length
  let endB = b.length
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA--
    endB--
  }
  const [left, right] = [endA - start, endB - start]
  if (left <= 1 && right <= 1) return true
  return left === 2 && right === 2 && a[start] === b[start + 1] && a[start + 1] === b[start]
}
