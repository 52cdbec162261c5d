// How often something happens that happens so often on average.

import type { Random } from '../../world/world.ts'

export function poisson(mean: number, random: Random): number {
  if (mean < 30) {
    const limit = Math.exp(-mean)
    let n = 0
    for (let product = random.float(); product > limit; product *= random.float()) n++
    return n
  }
  // The normal distribution is near enough (Box and Muller).
  const normal = Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float())
  return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal))
}
