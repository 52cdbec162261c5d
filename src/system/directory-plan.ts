// Who knows the passwords of people who have none here, as the description says it: an LDAP server.

import type { Actor, Span } from '../notation/model.ts'
import type { DirectorySettings } from '../roles/directory-login.ts'
import type { ValuesOf } from './keys.ts'
import type { Complain } from './plan.ts'

/** The LDAP server and how people are found in it; undefined: there is none. */
export function directoryOf(actor: Actor, of: ValuesOf, span: Span, complain: Complain): DirectorySettings | undefined {
  const server = of('ldap').at(-1)
  const base = of('ldap-base').at(-1)
  const [reader, secretFile] = [of('ldap-bind').at(-1), of('ldap-secret').at(-1)]
  if ((server === undefined) !== (base === undefined))
    complain(
      span,
      'S13',
      `${actor.id} has ${server === undefined ? 'ldap-base without ldap' : 'ldap without ldap-base'}`,
      `Add ${server === undefined ? 'ldap="ldaps://ldap.example.org"' : 'ldap-base="ou=people,dc=example,dc=org"'}.`,
    )
  if ((reader === undefined) !== (secretFile === undefined))
    complain(
      span,
      'S13',
      `${actor.id} has ${reader === undefined ? 'ldap-secret without ldap-bind' : 'ldap-bind without ldap-secret'}`,
      "Write both: as whom the directory is searched, and which file in the agent's folder holds the password.",
      'A description is shown, shared and drawn; a secret does not belong into it.',
    )
  if (server === undefined || base === undefined) return undefined
  return {
    ...server,
    base,
    filter: of('ldap-filter').at(-1) ?? '(mail={address})',
    reader,
    secretFile,
    trustedFile: of('ldap-ca').at(-1),
    makesAccounts: of('ldap-accounts').at(-1) ?? false,
    aliasAttributes: of('ldap-aliases').at(-1) ?? [],
  }
}
