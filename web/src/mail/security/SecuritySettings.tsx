// Keeping the account safe: app passwords and certificates for mail programs, passkeys, a second factor, the password itself.

import { createResource, Show } from 'solid-js'
import { request } from '../../api.ts'
import { AppPasswords } from './AppPasswords.tsx'
import { Certificates } from './Certificates.tsx'
import { ChangePassword } from './ChangePassword.tsx'
import { Grants } from './Grants.tsx'
import { OtherIssuer } from './OtherIssuer.tsx'
import { Passkeys } from './Passkeys.tsx'
import type { Once, Security } from './parts.tsx'
import { Sessions } from './Sessions.tsx'
import { TwoFactors } from './TwoFactors.tsx'

export function SecuritySettings() {
  const [security, { mutate }] = createResource(() => request<Security>('GET', '/api/security').catch(() => undefined))
  const act = async (wish: object) => {
    const answer = await request<Security & Once>('POST', '/api/security', wish)
    mutate(answer)
    return answer
  }
  return (
    <Show when={security()}>
      {(shown) => (
        <>
          <Passkeys security={shown()} act={act} />
          <AppPasswords security={shown()} act={act} />
          <Grants security={shown()} act={act} />
          <Certificates security={shown()} act={act} />
          <OtherIssuer security={shown()} act={act} />
          <TwoFactors security={shown()} act={act} />
          <Sessions security={shown()} act={act} />
          <Show when={!shown().passwordIsElsewhere}>
            <ChangePassword act={act} />
          </Show>
        </>
      )}
    </Show>
  )
}
