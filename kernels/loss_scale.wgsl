// Dynamic loss scaling, between the backward step and the update. All gradients are those of scale · loss, so that they do not vanish
// in 16 bits; sum_of_squares is that of all of them, so it is finite only if each of them is. With norm = √sum_of_squares / scale:
//   finite:      clip = (min(1, limit / norm) / scale, norm); scale doubles, to 2²⁴ at most, after `interval` such steps in a row
//   not finite:  clip = (-1, NaN), by which the update kernels skip the step; scale is halved
//   not finite at a scale of 1: clip = (NaN, NaN): no scale is to blame, so the parameters become NaN, and the next loss tells
//
// sum_of_squares (1), state (2) = (scale, good steps since it changed), clip (2), f32. One invocation. The scale is a power of two, so
// that multiplying by it and dividing by it round nothing. Error of the norm: 2 roundings; of the factor 1 more.
// Source: P. Micikevicius et al., "Mixed precision training", ICLR 2018; doubling and halving as in PyTorch's GradScaler.

struct Uniforms {
  limit: f32,
  interval: f32,
}

@group(0) @binding(0) var<storage, read> sum_of_squares: array<f32>;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> clip: array<f32>;
@group(0) @binding(3) var<uniform> u: Uniforms;

@compute @workgroup_size(1)
fn main() {
  let scale = state[0];
  let good = state[1] + 1.0;
  let squares = sum_of_squares[0];
  if ((bitcast<u32>(squares) & 0x7f800000u) != 0x7f800000u) { // finite
    let norm = sqrt(squares) / scale;
    let grows = good >= u.interval;
    clip[0] = select(u.limit / norm, 1.0, norm <= u.limit) / scale;
    clip[1] = norm;
    state[0] = select(scale, select(2.0 * scale, 0x1p24, scale > 0x1p23), grows);
    state[1] = select(good, 0.0, grows);
    return;
  }
  let nan = bitcast<f32>(bitcast<u32>(squares) | 0x7fc00000u);
  clip[0] = select(nan, -1.0, scale > 1.0);
  clip[1] = nan;
  state[0] = select(0.5 * scale, 1.0, scale < 2.0);
  state[1] = 0.0;
}
