/**
 * A stand-in for the platform's device, which holds and computes nothing. Whatever is made, recorded or run on it takes the same
 * way as on a real one, down to the last call, so the memory that is counted on the way is that of the real one.
 *
 * @module
 */

/** Bytes that a device allows. */
export interface DeviceLimits {
  /** Bytes of a buffer, at most. */
  readonly maxBufferSize: number;
  /** Bytes of a buffer that a kernel sees at once, at most. */
  readonly maxStorageBufferBindingSize: number;
}

/** Any object of the platform: what is read from it, called on it or made with it is this object again. */
const ANYTHING: object = new Proxy(function () {}, {
  get: (_, key) => key === "then" ? undefined : ANYTHING, // awaited, it is itself
  apply: () => ANYTHING,
});

/** The platform's device as far as somebody looks at what it answers; the rest of it is {@linkcode ANYTHING}. */
export function plannedDevice(limits: DeviceLimits): GPUDevice {
  const known: Record<PropertyKey, unknown> = {
    limits,
    features: new Set(),
    lost: new Promise(() => {}), // never
    popErrorScope: () => Promise.resolve(null),
    createBuffer: (descriptor: GPUBufferDescriptor) => withTheRest({ size: descriptor.size }),
    createTexture: ({ size }: GPUTextureDescriptor) => {
      const [width, height] = size as [number, number];
      return withTheRest({ width, height });
    },
  };
  return withTheRest(known) as unknown as GPUDevice;
}

function withTheRest(known: Record<PropertyKey, unknown>): object {
  return new Proxy(known, {
    get: (target, key) => key in target ? target[key] : Reflect.get(ANYTHING, key),
  });
}
