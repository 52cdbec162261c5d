// spamtest and virustest in Pigeonhole's tests take their score from a header field, by settings of that server: read here
// so that the tests can say what the product is told by its own Border.

import type { Message } from '../../../protocols/sieve/message.ts'

/** 0 to 1, or undefined where nothing is configured or the field says nothing. */
export function scoreOf(
  config: ReadonlyMap<string, string>,
  which: 'spamtest' | 'virustest',
  message: Message,
): number | undefined {
  const said = fieldMatch(config.get(`sieve_${which}_status_header`), message)
  if (said === undefined) return undefined
  const type = config.get(`sieve_${which}_status_type`) ?? 'score'
  if (type === 'text') {
    const levels = which === 'spamtest' ? 10 : 5
    for (let level = levels; level >= 0; level--)
      if (config.get(`sieve_${which}_text_value/${level}`) === said)
        return level === 0 ? undefined : (level - 1) / (levels - 1)
    return undefined
  }
  const largest =
    fieldMatch(config.get(`sieve_${which}_score_max_header`), message) ?? config.get(`sieve_${which}_score_max_value`)
  const limit = Number(largest)
  if (largest === undefined || !(limit > 0)) return undefined
  const score = type === 'strlen' ? said.length : Number(said)
  return Number.isFinite(score) ? Math.min(1, Math.max(0, score / limit)) : undefined
}

/** `Field-Name: regular expression`; without one the whole value. */
function fieldMatch(rule: string | undefined, message: Message): string | undefined {
  if (rule === undefined) return undefined
  const colon = rule.indexOf(':')
  const [name, pattern] = colon < 0 ? [rule, undefined] : [rule.slice(0, colon), rule.slice(colon + 1)]
  for (const { value } of message.named(name.trim())) {
    if (pattern === undefined) return value.trim()
    const found = new RegExp(pattern.trim().replace(/\\t/g, '\t'), 'i').exec(` ${value}`)
    if (found !== null) return (found[1] ?? found[0]).trim()
  }
  return undefined
}
