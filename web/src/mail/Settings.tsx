// Settings: name and signature, the answer while one is away, filters, the Forwarders one trusts, passwords, moving in and out, mail links, keys.

import { createResource, createSignal, For, Show } from 'solid-js'
import { request, type TrustedForwarder } from '../api.ts'
import { Dialog } from '../parts/Dialog.tsx'
import { Icon } from '../parts/icons.tsx'
import { DeletedSettings } from './Deleted.tsx'
import { ForwardingSettings } from './Forwarding.tsx'
import { areKeysOn, setKeysOn } from './keys.ts'
import { MovingSettings } from './Moving.tsx'
import { ProgramSettings } from './Programs.tsx'
import { SieveSettings } from './Sieve.tsx'
import { SuppressedSettings } from './Suppressed.tsx'
import { SecuritySettings } from './security/SecuritySettings.tsx'
import type { Mail } from './state.ts'
import { VacationSettings } from './Vacation.tsx'
import { WebhookSettings } from './Webhooks.tsx'

export function Settings(props: { mail: Mail; onClose: () => void }) {
  const [trustVersion, setTrustVersion] = createSignal(0)
  return (
    <Dialog title="Settings" onClose={() => props.onClose()}>
      <Identities mail={props.mail} />
      <VacationSettings jmap={props.mail.jmap} />
      <SieveSettings jmap={props.mail.jmap} />
      <ForwardingSettings onTrust={() => setTrustVersion((version) => version + 1)} />
      <TrustedForwarders version={trustVersion()} />
      <ProgramSettings />
      <SecuritySettings />
      <WebhookSettings />
      <SuppressedSettings />
      <DeletedSettings mail={props.mail} />
      <MovingSettings />
      <ThisBrowser />
    </Dialog>
  )
}

function Identities(props: { mail: Mail }) {
  const [status, setStatus] = createSignal('')

  async function save(event: SubmitEvent, id: string): Promise<void> {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const update = { [id]: { name: String(form.get('name')), textSignature: String(form.get('signature')) } }
    try {
      await props.mail.jmap.set('Identity/set', { update })
      await props.mail.reloadIdentities()
      setStatus('Saved.')
    } catch (error) {
      setStatus((error as Error).message)
    }
  }

  return (
    <section class="setting">
      <h3>How you sign</h3>
      <For each={props.mail.identities()}>
        {(identity) => (
          <form class="identity" onSubmit={(event) => void save(event, identity.id)}>
            <p class="quiet">{identity.email}</p>
            <label>
              Name
              <input name="name" value={identity.name} maxlength={200} />
            </label>
            <label>
              Signature
              <textarea name="signature" rows={2} maxlength={5000} value={identity.textSignature} />
            </label>
            <button type="submit">Save</button>
          </form>
        )}
      </For>
      <p class="quiet" role="status">
        {status()}
      </p>
    </section>
  )
}

function TrustedForwarders(props: { version: number }) {
  const load = () => request<{ forwarders: TrustedForwarder[] }>('GET', '/api/trusted-forwarders')
  const [list, { mutate }] = createResource(() => props.version, load)
  const [domain, setDomain] = createSignal('')
  const [oldAddress, setOldAddress] = createSignal('')
  const [error, setError] = createSignal('')

  async function run(method: string, path: string, body?: object): Promise<boolean> {
    setError('')
    try {
      mutate(await request(method, path, body))
      return true
    } catch (failure) {
      setError((failure as Error).message)
      return false
    }
  }

  async function add(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    if (!(await run('PUT', '/api/trusted-forwarders', { domain: domain(), oldAddress: oldAddress() }))) return
    setDomain('')
    setOldAddress('')
  }

  return (
    <section class="setting" id="trusted">
      <h3>Forwarders you trust</h3>
      <p class="quiet">
        Is mail sent on to you from an old address? A forwarded message comes from a machine that its author’s domain
        does not name, and looks forged. Name the domain that forwards for you: what it verified at its own Border then
        counts here, for you alone.
      </p>
      <ul class="trusted">
        <For each={list()?.forwarders} fallback={list() && <li class="quiet">None yet.</li>}>
          {(forwarder) => (
            <li>
              <span>
                <strong>{forwarder.domain}</strong>
                <Show when={forwarder.oldAddress}>
                  <span class="quiet"> forwards {forwarder.oldAddress}</span>
                </Show>
              </span>
              <button
                type="button"
                class="icon-button small"
                aria-label={`Trust ${forwarder.domain} no longer`}
                onClick={() =>
                  void run('DELETE', `/api/trusted-forwarders?domain=${encodeURIComponent(forwarder.domain)}`)
                }
              >
                <Icon name="close" />
              </button>
            </li>
          )}
        </For>
      </ul>
      <form class="trust-form" onSubmit={add}>
        <label>
          Domain that forwards
          <input
            required
            placeholder="old.example"
            value={domain()}
            onInput={(event) => setDomain(event.currentTarget.value)}
          />
        </label>
        <label>
          Your address there
          <input
            type="email"
            placeholder="you@old.example"
            value={oldAddress()}
            onInput={(event) => setOldAddress(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Trust it</button>
      </form>
      <p class="error" role="alert">
        {error()}
      </p>
    </section>
  )
}

function ThisBrowser() {
  const [keys, setKeys] = createSignal(areKeysOn())
  const canRegister = 'registerProtocolHandler' in navigator
  return (
    <section class="setting">
      <h3>This browser</h3>
      <Show when={canRegister}>
        <p class="row">
          <button
            type="button"
            onClick={() => navigator.registerProtocolHandler('mailto', `${location.origin}/mail?mailto=%s`)}
          >
            Open mail links here
          </button>
          <span class="quiet">Addresses on web pages then open a new message.</span>
        </p>
      </Show>
      <label class="check">
        <input
          type="checkbox"
          checked={keys()}
          onChange={(event) => {
            setKeysOn(event.currentTarget.checked)
            setKeys(event.currentTarget.checked)
          }}
        />
        Single keys do things (press ? to see which)
      </label>
    </section>
  )
}
