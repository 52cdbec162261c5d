// What Borders wrote down of who handed the message over (Authentication-Results), and whose word each is.

import { type AuthenticationResults, parseAuthenticationResults } from '../../message/authentication-results.ts'
import { fieldsNamed, type Header, unfolded } from '../../message/header.ts'
import { isOneOf, type Path } from './path.ts'

export interface TracedResults extends AuthenticationResults {
  /**
   * `verified`: stands above the line with which our own Border took the message, where only our hosts write. `likely`: has
   * our name and stands just below that line, where many Borders write, and where the sender may have put it if our Border
   * does not remove such fields (RFC 8601 §5). All others are claims.
   */
  standing: 'verified' | 'likely' | 'claimed'
}

/** Who wrote a field that names nobody, as Exchange Online's do. */
export const NOBODY = '(no name)'

/** As the field stands, or without the name that it should begin with (RFC 8601 §2.2). */
export function parseResults(text: string): AuthenticationResults | undefined {
  return parseAuthenticationResults(/^\s*[\w.-]{1,40}\s*=/.test(text) ? `nobody; ${text}` : text)
}

/** True if the value begins with a result and not with a name. */
export const isNameless = (text: string): boolean => /^\s*[\w.-]{1,40}\s*=/.test(text)

/** All of them, newest first. `trustedIds` are the names that count, where they are known. */
export function readResults(header: Header, path: Path, trustedIds: readonly string[] | undefined): TracedResults[] {
  const lines = fieldsNamed(header, 'received')
  const believed = path.steps.filter((step) => step.verified).length
  const [entry, next] = believed === 0 ? [-1, -1] : [lines[believed - 1]!.start, lines[believed]?.start ?? Infinity]
  const ids = (trustedIds ?? path.ours).map((id) => id.toLowerCase())
  const isOurs = ({ authservId }: AuthenticationResults) =>
    trustedIds ? ids.includes(authservId) : isOneOf(authservId, ids)
  // A seal repeats what its Border found (RFC 8617 §4.1.1); some write the field itself only below their line.
  const sealed = fieldsNamed(header, 'arc-authentication-results').flatMap(({ start }, at, all): TracedResults[] => {
    const parsed = start < entry ? parseResults(unfolded(header, all[at]!).replace(INSTANCE, '')) : undefined
    return parsed !== undefined && isOurs(parsed) ? [{ ...parsed, standing: 'verified' }] : []
  })
  const written = fieldsNamed(header, 'authentication-results')
    .slice(0, MAX_RESULTS)
    .flatMap((field): TracedResults[] => {
      const text = unfolded(header, field)
      const parsed = parseResults(text)
      if (!parsed) return []
      const isAbove = field.start < entry && (trustedIds === undefined || isOurs(parsed))
      const isBelow = isOurs(parsed) && field.start > entry && field.start < next
      const standing = isAbove ? 'verified' : isBelow ? 'likely' : 'claimed'
      return [{ ...parsed, ...(isNameless(text) && { authservId: NOBODY }), standing }]
    })
  const told = written.some(({ standing }) => standing === 'verified') ? [] : sealed.slice(0, 1)
  const isTold = told.length > 0 || written.some(({ standing }) => standing === 'verified')
  const others = written.filter((each) => !told.some((one) => saysTheSame(one, each)))
  // Where ours stand above, those below are no longer likely to be.
  return [
    ...told,
    ...others.map((each) => (isTold && each.standing === 'likely' ? { ...each, standing: 'claimed' as const } : each)),
  ]
}

const MAX_RESULTS = 50
const INSTANCE = /^\s*i\s*=\s*\d{1,2}\s*;/

function saysTheSame(one: AuthenticationResults, other: AuthenticationResults): boolean {
  const said = ({ authservId, methods }: AuthenticationResults) =>
    `${authservId} ${methods.map(({ method, result }) => `${method}=${result}`).join(' ')}`
  return said(one) === said(other)
}
