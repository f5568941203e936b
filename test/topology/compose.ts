/** docker-compose.yml as it stands: what it starts, with which words, in which environment. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export const root = join(import.meta.dirname, '../..')
export const composeFile = join(root, 'docker-compose.yml')

export interface Service {
  readonly image?: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** `address:published:container` */
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly deploy?: { readonly replicas?: number }
  readonly profiles?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly restart?: string
  readonly stop_grace_period?: string
}

export interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

/** Anchors merged, and `${NAME:-default}` replaced from the environment, as docker compose does. */
export function readCompose(environment: Readonly<Record<string, string | undefined>> = process.env): Compose {
  const text = readFileSync(composeFile, 'utf8').replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, otherwise: string) => {
    const value = environment[name]
    return value === undefined || value === '' ? otherwise : value
  })
  const { services, volumes } = parse(text, { merge: true }) as Compose
  const read = Object.entries(services).map(([name, service]): [string, Service] => {
    const { environment = {} } = service
    return [
      name,
      { ...service, environment: Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)])) },
    ]
  })
  return { services: Object.fromEntries(read), volumes }
}

/** Where a port of the container is published on this machine. */
export function publishedPort({ ports = [] }: Service, container: string): string | undefined {
  for (const published of ports) {
    const [, outside, inside] = published.split(':')
    if (inside === container) return outside
  }
  return undefined
}
