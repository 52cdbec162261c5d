// Primes, for the keys of a simulated world. The same seed draws the same candidates, so that what was found out about one is
// known the next time.

import { bailliePSW } from 'micro-rsa-dsa-dh/primality.js'

const known = new Map<bigint, boolean>()
const MOST_KNOWN = 20_000

/** Of a large number. */
export function checkPrimeSync(candidate: bigint): boolean {
  const found = known.get(candidate)
  if (found !== undefined) return found
  const isPrime = !hasSmallFactor(candidate) && mayBePrime(candidate) && bailliePSW(candidate)
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(candidate, isPrime)
  return isPrime
}

interface Group {
  readonly product: bigint
  readonly primes: readonly number[]
}

/** Odd primes, as many together as have a product below 2^31: one long division for all of them, short ones for each. */
const GROUPS: readonly Group[] = groupsBelow(8000)

function groupsBelow(end: number): Group[] {
  const isComposite = new Uint8Array(end)
  const groups: Group[] = []
  let [product, primes]: [number, number[]] = [1, []]
  for (let n = 3; n < end; n += 2) {
    if (isComposite[n] === 1) continue
    for (let multiple = n * n; multiple < end; multiple += 2 * n) isComposite[multiple] = 1
    if (product * n >= 2 ** 31) {
      groups.push({ product: BigInt(product), primes })
      ;[product, primes] = [1, []]
    }
    product *= n
    primes.push(n)
  }
  return [...groups, { product: BigInt(product), primes }]
}

function hasSmallFactor(candidate: bigint): boolean {
  if ((candidate & 1n) === 0n) return true
  return GROUPS.some(({ product, primes }) => {
    const rest = Number(candidate % product)
    return primes.some((prime) => rest % prime === 0)
  })
}

/** Fermat's test to the base 2, which the quickest exponentiation there is does: nearly all that are none end here. */
function mayBePrime(candidate: bigint): boolean {
  let power = 1n
  for (const bit of (candidate - 1n).toString(2)) {
    power = power * power
    if (bit === '1') power <<= 1n
    power %= candidate
  }
  return power === 1n
}
